# `Orders DB (production)` becomes `orders-db-production`.
output "name" {
  value = provider::kms::connection_slug("Orders DB (production)")
}
