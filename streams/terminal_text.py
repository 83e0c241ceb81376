"""Foreign text made safe to print: no byte of a record may steer somebody's terminal."""

import re

# C0 and C1 controls, and the marks that turn the direction of text around (Trojan Source).
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

HEX_COLUMNS = 16


def printable(text: str, limit: int | None = None) -> str:
    """`text` on one line, control characters shown as `\\x1b`, cut to `limit` characters."""
    shown = _UNPRINTABLE.sub(_escape, text if limit is None else text[: limit + 1])
    if limit is not None and len(shown) > limit:
        return shown[: limit - 1] + "…"
    return shown


def hex_dump(data: bytes, limit: int) -> str:
    """The first `limit` bytes as lines of offset, hexadecimal and ASCII."""
    lines = []
    for start in range(0, min(len(data), limit), HEX_COLUMNS):
        row = data[start : min(start + HEX_COLUMNS, limit)]
        ascii_ = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:06x}  {row.hex(' '):<{HEX_COLUMNS * 3 - 1}}  {ascii_}")
    if len(data) > limit:
        lines.append(f"… {len(data) - limit} more bytes")
    return "\n".join(lines)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code in (0x09, 0x0A, 0x0D):
        return {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}[code]
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
