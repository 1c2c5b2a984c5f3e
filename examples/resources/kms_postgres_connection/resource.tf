resource "kms_postgres_connection" "orders" {
  name       = "orders-db"
  project_id = var.project_id

  host     = "db.example.com"
  database = "orders"
  username = "kms_role"

  # Sent and never stored. A new number sends the password again.
  password_wo         = var.db_password
  password_wo_version = 1

  # The authority that issued the server's certificate; without it the public ones are trusted.
  ssl_certificate = file("ca.pem")

  validation {
    unreachable = "error"
  }

  timeouts {
    create = "2m"
  }
}
