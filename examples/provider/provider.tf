terraform {
  required_providers {
    kms = {
      source  = "hanzoai/kms"
      version = "~> 0.1"
    }
  }
}

provider "kms" {
  host = "https://app.kms.hanzo.ai"

  # The credentials of a machine identity come from the environment (the guide on authentication has all other ways):
  #   KMS_UNIVERSAL_AUTH_CLIENT_ID
  #   KMS_UNIVERSAL_AUTH_CLIENT_SECRET
}
