data "kms_postgres_endpoint" "orders" {
  host = "db.example.com"
}

# A warning in each plan from 30 days before the certificate expires. A comparison with null would be an error.
check "certificate" {
  assert {
    condition     = coalesce(data.kms_postgres_endpoint.orders.days_left, 0) > 30
    error_message = "The certificate of db.example.com expires within 30 days, or there is none."
  }
}
