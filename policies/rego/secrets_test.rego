package pawl.tests.secrets

import rego.v1

import data.pawl.tests.ids
import data.pawl.tests.put

test_floor_secret_in_diff_fires if "floor.secret-in-diff" in ids([put("/secrets/0", {"path": "ops/rotate-ledger.sh", "line": 4, "rule": "key", "level": "high", "known": false})])

test_floor_secret_in_diff_silent if not "floor.secret-in-diff" in ids([put("/secrets/0", {"path": "ops/rotate-ledger.sh", "line": 4, "rule": "key", "level": "high", "known": true})])

test_secrets_known_fires if "secrets.known" in ids([put("/secrets/0", {"path": "ops/rotate-ledger.sh", "line": 4, "rule": "key", "level": "medium", "known": true})])

test_secrets_known_silent if not "secrets.known" in ids([put("/secrets/0", {"path": "ops/rotate-ledger.sh", "line": 4, "rule": "key", "level": "medium", "known": false})])

test_secrets_perhaps_fires if "secrets.perhaps" in ids([put("/secrets/0", {"path": "ops/rotate-ledger.sh", "line": 4, "rule": "key", "level": "low", "known": false})])

test_secrets_perhaps_silent if not "secrets.perhaps" in ids([put("/secrets/0", {"path": "ops/rotate-ledger.sh", "line": 4, "rule": "key", "level": "high", "known": false})])
