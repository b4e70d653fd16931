"""The shop. Every module that is finished is registered here."""
