path "secret/*" {
  capabilities = ["read", "list"]
  min_wrapping_ttl = "1h30m"
  allowed_parameters = { "a" = ["x", 1, true] "*" = [] }
  required_parameters = ["b"]
}
# c
path "sys/+/x" { policy = "write" /* d */ }
