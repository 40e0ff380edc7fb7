"""Thai advertising copy of a chosen length."""

from functools import cache
from itertools import accumulate

import msgspec

CHARACTERS_PER_TOKEN = 2

_SENTENCES = (
    "กาแฟคั่วสดทุกเช้า หอมละมุนตั้งแต่จิบแรก แวะมาเติมพลังก่อนเริ่มงานได้ทุกวัน ",
    "ลดแรงรับสิ้นเดือน ซื้อหนึ่งแถมหนึ่งเฉพาะวันนี้เท่านั้น ของหมดแล้วหมดเลยนะคะ ",
    "เสื้อเชิ้ตผ้าลินินตัวใหม่ ใส่สบายไม่ร้อน แมตช์ง่ายทั้งวันทำงานและวันหยุด ",
    "ทักแชตมาสอบถามได้เลยค่ะ ทีมงานตอบไวทุกข้อความ ส่งฟรีทั่วไทยเมื่อซื้อครบ 500 บาท ",
    "ผิวชุ่มชื้นอิ่มน้ำตลอดวัน ด้วยสารสกัดจากว่านหางจระเข้แท้ ปลอดภัยแม้ผิวแพ้ง่าย ",
    "ใครกำลังมองหาของขวัญให้คนพิเศษ กล่องนี้คือคำตอบ ห่อสวยพร้อมการ์ดเขียนมือ ",
    "รีวิวแน่นกว่าพันร้าน ลูกค้าซื้อซ้ำทุกเดือน ลองแล้วจะรู้ว่าทำไมใครๆ ก็ติดใจ ",
    "กดติดตามร้านไว้ รับคูปองส่วนลดก่อนใคร แล้วพบกันในไลฟ์สองทุ่มคืนนี้ ",
)

# Where each sentence begins.
_STARTS = tuple(accumulate((len(sentence) for sentence in _SENTENCES[:-1]), initial=0))


def thai_copy(tokens: int, variant: int = 0) -> str:
    """Exactly `2 * tokens` characters, so that the copy counts as `tokens`; each variant begins elsewhere."""
    start = _STARTS[variant % len(_STARTS)]
    end = start + tokens * CHARACTERS_PER_TOKEN
    text = _at_least(1024)
    while len(text) < end:
        text = _at_least(2 * len(text))
    return text[start:end]


def token_text(text: str, index: int) -> str:
    """Token `index` of a copy: the tokens in order make up the whole."""
    return text[index * CHARACTERS_PER_TOKEN : (index + 1) * CHARACTERS_PER_TOKEN]


def token_documents(variant: int, start: int, end: int) -> tuple[bytes, ...]:
    """The tokens from `start` to `end` of a copy, each as a JSON document: what a stream is made of."""
    size = 1024
    while size < end:
        size *= 2
    return _documents(variant % len(_STARTS), size)[start:end]


def writes(sequence: str) -> bool:
    """Whether a copy that is long enough has this in it."""
    return sequence in _at_least(2 * sum(map(len, _SENTENCES)) + len(sequence))


def count_tokens(characters: int) -> int:
    """Tokens of a text: ceil(characters / 2).

    OpenAI's o200k encoding spends 0.50 tokens on a Thai character. No overhead a message is added.
    """
    return -(-characters // CHARACTERS_PER_TOKEN)


@cache
def _documents(variant: int, tokens: int) -> tuple[bytes, ...]:
    text = thai_copy(tokens, variant)
    return tuple(msgspec.json.encode(token_text(text, index)) for index in range(tokens))


@cache
def _at_least(characters: int) -> str:
    """The sentences in turn until the text is long enough: kept, as every reply is a slice of it."""
    once = "".join(_SENTENCES)
    return once * -(-characters // len(once))
