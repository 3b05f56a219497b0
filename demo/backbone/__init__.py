"""The demo's backbone: the small latent-diffusion model that stands where real ones stand."""
