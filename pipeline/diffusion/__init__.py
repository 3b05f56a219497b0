"""The frozen latent-diffusion backbone."""
