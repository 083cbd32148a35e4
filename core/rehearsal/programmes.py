"""What invented candidates promise, in Russian and Kazakh, and drawn portraits of nobody."""

from collections.abc import Mapping
from io import BytesIO
from random import Random
from typing import Final

_PROMISES: Final = (
    (
        "Отремонтировать дворы и дороги внутри кварталов, начиная с тех, где давно не было ремонта.",
        "Аулалар мен орам ішіндегі жолдарды жөндеу: алдымен көптен жөндеу көрмегендерін.",
    ),
    (
        "Добиться, чтобы у каждого ребёнка было место в детском саду рядом с домом.",
        "Әр балаға үйіне жақын балабақшадан орын тигізу.",
    ),
    (
        "Публиковать бюджет района так, чтобы было понятно, на что ушёл каждый тенге.",
        "Аудан бюджетін әр теңгенің қайда жұмсалғаны түсінікті болатындай жариялау.",
    ),
    (
        "Провести воду и интернет в сёла, где их до сих пор нет.",
        "Әлі күнге дейін суы мен интернеті жоқ ауылдарға оларды жеткізу.",
    ),
    (
        "Открыть кабинет врача общей практики в каждом крупном селе.",
        "Әр үлкен ауылда жалпы тәжірибелік дәрігер кабинетін ашу.",
    ),
    (
        "Посадить деревья вдоль улиц и следить, чтобы они прижились.",
        "Көше бойына ағаш отырғызып, олардың тамыр жаюын қадағалау.",
    ),
    (
        "Сделать остановки и школы удобными для людей с инвалидностью.",
        "Аялдамалар мен мектептерді мүгедектігі бар адамдарға қолайлы ету.",
    ),
    (
        "Поддержать малый бизнес: меньше справок, больше ясных правил.",
        "Шағын бизнесті қолдау: анықтама аз, түсінікті ереже көп болсын.",
    ),
    (
        "Вести приём каждую неделю и отвечать на каждое письмо.",
        "Апта сайын қабылдау өткізіп, әр хатқа жауап беру.",
    ),
    (
        "Сохранить автобусные маршруты в отдалённые районы и сделать расписание надёжным.",
        "Шалғай аудандарға баратын автобус бағыттарын сақтап, кестесін сенімді ету.",
    ),
)
_SKINS: Final = ("#c99a76", "#d9ae8a", "#b98660", "#e0bb98")
_GROUNDS: Final = ("#b8c7d3", "#c9c3b4", "#b9c9b8", "#c6bccb", "#d0d0d0")
_CLOTHES: Final = ("#2f3b4c", "#4a4440", "#5b3b45", "#39504a", "#3d3d5c")
_HAIR: Final = ("#2a211c", "#40322a", "#5a5048", "#8a8580")


def programme(draw: Random) -> Mapping[str, str]:
    """Three to five promises, the same ones in both languages."""
    chosen = draw.sample(_PROMISES, draw.randint(3, 5))
    return {
        "ru": "\n".join(russian for russian, _kazakh in chosen),
        "kk": "\n".join(kazakh for _russian, kazakh in chosen),
    }


def portrait(draw: Random) -> bytes:
    """A PNG of a head without a face: nobody's."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (400, 500), draw.choice(_GROUNDS))
    pen = ImageDraw.Draw(picture)
    skin, hair = draw.choice(_SKINS), draw.choice(_HAIR)
    width = draw.randint(62, 74)
    pen.ellipse((40, 360, 360, 720), draw.choice(_CLOTHES))
    pen.rectangle((168, 300, 232, 385), skin)
    pen.ellipse((200 - width - 14, 110, 200 + width + 14, draw.randint(240, 330)), hair)
    pen.ellipse((200 - width, 135, 200 + width, 330), skin)
    written = BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()
