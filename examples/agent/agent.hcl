# Keeps ~/.pachyderm/config.json, from which pachctl reads its token, fresh:
#
#   cd && VAULT_ADDR=https://vault.example.com:8200 vault agent -config=agent.hcl
#
# Paths are relative to the directory the agent runs in. `vault` may be `bao`.

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "role-id"
      secret_id_file_path                 = "secret-id"
      remove_secret_id_file_after_reading = false # it signs in again when its own token ends
    }
  }
}

template {
  source      = "pachctl.ctmpl"
  destination = ".pachyderm/config.json"
  perms       = "0600"
}
