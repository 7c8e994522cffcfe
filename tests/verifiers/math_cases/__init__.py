"""Hard pairs for the math verifier, one module a group of kinds, each pair with its reason."""
