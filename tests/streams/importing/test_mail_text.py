"""Bytes of mails become text, whatever their charset claims."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.importing.mail_text import clean, decode, decode_words


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode("cp1252"), None, "Grüße"),
        ("“quoted”".encode("cp1252"), "iso-8859-1", "“quoted”"),
        ("太慢了镕".encode("gb18030"), "gb2312", "太慢了镕"),
        ("안녕하세요".encode("cp949"), "ks_c_5601-1987", "안녕하세요"),
        ("高﨑①".encode("cp932"), "Shift_JIS", "高﨑①"),
        ("Grüße".encode(), "no-such-charset", "Grüße"),
        ("Grüße".encode(), '"utf-8"', "Grüße"),
        ("Grüße".encode(), "base64", "Grüße"),
        ("Grüße".encode(), "utf\x008", "Grüße"),
        (b"\x81\x8d\x8f", "utf-8", "\x81\x8d\x8f"),
    ],
)
def test_a_charset_is_read_by_what_is_sent_under_its_name(
    data: bytes, charset: str | None, text: str
) -> None:
    """Mailers name a small charset and send a wider one; some name none, or nonsense."""
    assert decode(data, charset) == text


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?B?R3LDvMOfZQ==?= aus =?iso-8859-1?q?K=F6ln?=", "Grüße aus Köln"),
        ("=?utf-8?B?R3LDvA?=", "Grü"),
        ("=?gb2312?B?zKs=?= =?gb2312?B?wv3Byw==?=", "太慢了"),
        ("=?utf-8?B?5aQ=?= =?utf-8?B?qg==?=", "太"),
        ("=?utf-8*en?Q?a_b?=", "a b"),
        ("=?utf-8?Q?unclosed", "=?utf-8?Q?unclosed"),
        ("=?nonsense?B?!!!?=", "!!!"),
    ],
)
def test_encoded_words_of_headers(header: str, text: str) -> None:
    """Encoded words are decoded, split characters joined, and broken ones left as they are."""
    assert decode_words(header) == text


@given(st.binary(max_size=60), st.text(max_size=12) | st.none())
def test_decoding_never_fails(data: bytes, charset: str | None) -> None:
    """Any bytes under any name give a text that JSON can hold once it is cleaned."""
    clean(decode(data, charset), 50).encode()


@given(st.text(max_size=60))
def test_words_never_fail(text: str) -> None:
    """No header makes the decoding of words raise."""
    decode_words(text)
