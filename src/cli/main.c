/*
 * main - the one binary: picks a command, or a role when the parent starts one.
 */
int main(void)
{
    return 0;
}
