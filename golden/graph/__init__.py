"""Maps that pass stages: what a layer and a network are made of."""
