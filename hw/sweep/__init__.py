"""Many builds: products of parameters, what each came to, in one store."""
