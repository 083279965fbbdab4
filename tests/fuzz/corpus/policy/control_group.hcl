path "a" { control_group = { ttl = "1h" factor "f" { identity { group_names = ["m"] approvals = 1 } } } comment = <<-END
  x
  END
}