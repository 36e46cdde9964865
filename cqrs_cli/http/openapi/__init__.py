"""The OpenAPI 3.1 document of a domain: what it is made of, a noun a file."""
