"""Find the points of the latent space whose samples are nearest to given images."""
