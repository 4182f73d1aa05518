"""ProtoJSON by code compiled once per message type; agrees with google.protobuf.json_format, which the tests hold it
to.
"""

from marque_gateway.json.decode import Decoder, decoder_for
from marque_gateway.json.encode import encoder_for, json_encoder_for
from marque_gateway.json.paths import present_paths
from marque_gateway.json.run import JsonDecodeError, JsonFieldError

__all__ = [
    "Decoder",
    "JsonDecodeError",
    "JsonFieldError",
    "decoder_for",
    "encoder_for",
    "json_encoder_for",
    "present_paths",
]
