# What a DBA runs before the KMS can rotate the passwords of two roles.
output "grants" {
  value = provider::kms::grant_sql("kms_role", "orders", ["orders_app", "orders_report"])
}
