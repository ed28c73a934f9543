"""ParC as layers of torch, and networks made of them."""
