"""What bench/abuse.py is made of: a server in a small place, attackers, and honest clients beside them."""
