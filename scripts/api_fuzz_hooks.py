"""What schemathesis can't make by itself: bodies of application/wasm, which are any bytes at all to it."""
import json

import schemathesis


@schemathesis.serializer("application/wasm")
def component(ctx, value):
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value, default=str).encode()
