"""common/base/digest.h for the tests that are written in Python: FNV-1a of 64 bits, in hexadecimal."""


def text_digest(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return f"{value:016x}"
