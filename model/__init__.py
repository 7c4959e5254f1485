"""The networks, their losses, and the graphs that train them and sample from them."""
