"""The `kraken` command. Nothing that a command does not need is imported for it."""
