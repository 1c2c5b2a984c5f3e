# By the UUID of the connection, which the KMS shows in its address bar:
terraform import kms_postgres_connection.orders 3c90c3cc-0d44-4b50-8888-8dd25736052a
