length = 20
rule "charset" {
  charset = "abc\u00e9"
  min-chars = 1
}
