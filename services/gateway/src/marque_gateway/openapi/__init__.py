"""The OpenAPI 3.1 document of the RPCs, built from the descriptor set."""

from marque_gateway.openapi.document import build_document

__all__ = ["build_document"]
