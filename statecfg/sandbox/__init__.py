"""A local stand-in for the services a cutover talks to, over real HTTPS on loopback.

It imports nothing of the rest of the product: where the product is wrong about the wire, the sandbox must not
agree with it.
"""
