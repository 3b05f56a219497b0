"""Pictures: read under the contract, resized one way, compared, as tensors."""
