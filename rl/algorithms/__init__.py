"""The mathematics of RL: pure torch functions on [B, T], and nothing that knows where tensors come from."""
