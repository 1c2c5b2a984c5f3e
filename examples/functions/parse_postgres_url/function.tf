# A secret store holds one URL; the connection takes its parts.
variable "database_url" {
  type      = string
  sensitive = true
}

locals {
  database = provider::kms::parse_postgres_url(var.database_url)
}

resource "kms_postgres_connection" "orders" {
  name                    = "orders-db"
  host                    = local.database.host
  port                    = local.database.port
  database                = local.database.database
  username                = local.database.username
  password_wo             = local.database.password
  ssl_enabled             = local.database.ssl_enabled
  ssl_reject_unauthorized = local.database.ssl_reject_unauthorized
}
