"""Entra ID as far as msal and the services need it: who exists, who gets a token for what, and whose token counts."""
