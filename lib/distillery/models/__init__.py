"""Networks and densities, each a plain `nn.Module`."""
