# By the UUID of the connection, which the KMS shows in the address bar of its page:
terraform import kms_postgres_connection.orders 3c90c3cc-0d44-4b50-8888-8dd25736052a

# By name, a connection of the organisation:
terraform import kms_postgres_connection.orders orders-db

# By project and name, a connection of a project:
terraform import kms_postgres_connection.orders 7ffbb072-2575-495a-b5b0-127f88caef78/orders-db
