"""What a mail seems to be about and where, with the words that say so: rules that can be read, and
no network. A suggestion fills a form in; a person decides.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from core import places
from core.cases.rules import Category
from core.cases.stems import groups

_SIGNS: Final[Mapping[Category, str]] = {
    Category.COERCION_TO_JOIN: (
        "вступить вступление вступайте членство партию партбилет заставляют принуждают обязали"
        " кіруге партияға мүше мүшелікке мәжбүрлейді мәжбүрлеп join membership forced"
    ),
    Category.ENROLLED_WITHOUT_CONSENT: (
        "согласия ведома записали числюсь приняли обнаружил заявления келісімінсіз келісімсіз"
        " білместен тіркеген жазып without consent enrolled"
    ),
    Category.COERCION_TO_VOTE: (
        "голосовать проголосовать голосование голосуйте заставляют принуждают скриншот отчитаться"
        " начальник дауыс беруге мәжбүрлейді бастық скрин vote forced screenshot boss"
    ),
    Category.RETALIATION: (
        "уволили увольнение уволят угрожают угроза премии лишили выговор месть преследуют"
        " жұмыстан шығарды қорқытады сыйақы сөгіс қудалау fired dismissed threatened bonus"
    ),
    Category.VOTE_BUYING: (
        "деньги подкуп платят заплатили тенге подарки сертификат продукты купить ақша сатып"
        " теңге сыйлық төлейді money paid bribe gift"
    ),
    Category.FICTITIOUS_ADMISSION: (
        "фиктивно фиктивный мертвые умершие несуществующие задним числом списки студентов"
        " жалған қайтыс болған тізім fictitious dead backdated"
    ),
    Category.FALSIFIED_MOBILES: (
        "чужой номер телефона подменили привязан симкарта сим-карта неправильный телефон"
        " нөмір бөтен ауыстырылған телефоным number phone replaced"
    ),
    Category.SMS_CODE_FRAUD: (
        "код смс sms сообщение продиктовать назвать пароль кодты хабарлама айтыңыз code"
    ),
    Category.FALSIFIED_VOTES: (
        "проголосовали меня вброс подделали фальсификация голоса чужие бюллетени"
        " орныма бұрмалау жалған бюллетень ballot stuffing falsified"
    ),
    Category.UNFAIR_COUNTING: (
        "подсчет подсчитали протокол итоги результаты комиссия наблюдателя удалили санау санақ"
        " хаттама нәтиже counting protocol results observer"
    ),
    Category.CANDIDATE_CONDUCT: (
        "кандидат агитация агитирует баннер плакат клевета ложь обещает үміткер үгіт жарнама"
        " өтірік candidate campaign slander"
    ),
    Category.ACCESS_AND_TECHNICAL: (
        "сайт ошибка войти вход зависает открывается страница приложение қате кіре алмаймын"
        " ашылмайды site error page login"
    ),
    Category.DATA_LEAK: (
        "персональные данные утечка опубликовали ИИН списки распространяют разглашение"
        " дербес деректер жариялады жсн таратты leak personal data published"
    ),
}
_ENOUGH: Final = 2
"""Signs of one kind that a mail must hold before anything is suggested."""

_KINDS_OF_PLACE: Final = "область облысы region район ауданы district город қаласы city қала г"


@dataclass(frozen=True)
class Suggestion:
    """A category and a place, each None where nothing says so, and the words that led to them."""

    category: Category | None
    category_words: Sequence[str] = field(repr=False)
    place: str | None
    place_words: Sequence[str] = field(repr=False)


def suggest(text: str) -> Suggestion:
    """What a text seems to be about and where."""
    words = _words(text)
    category, why = _category(words)
    place, where = _place(words)
    return Suggestion(category, why, place, where)


def _words(text: str) -> list[tuple[str, frozenset[str]]]:
    """The words of a text, each with its stems, the first 2,000 of it."""
    found: list[tuple[str, frozenset[str]]] = []
    for word in text.split()[:2_000]:
        bare = word.strip(".,;:!?()«»\"'…–—-").casefold()
        found += [(bare, stems) for stems in groups(bare)]
    return found


def _category(words: Sequence[tuple[str, frozenset[str]]]) -> tuple[Category | None, list[str]]:
    signs = _stems_of_signs()
    found: dict[Category, dict[str, str]] = {}
    for word, stems in words:
        for stem in stems:
            for category in signs.get(stem, ()):
                found.setdefault(category, {}).setdefault(stem, word)
    weights = Counter(
        {
            category: sum(1 / len(signs[stem]) for stem in hits)
            for category, hits in found.items()
            if len(set(hits.values())) >= _ENOUGH
        }
    )
    best = weights.most_common(2)
    # Two kinds that fit alike are no suggestion.
    if not best or (len(best) > 1 and best[0][1] == best[1][1]):
        return None, []
    category = best[0][0]
    return category, list(dict.fromkeys(found[category].values()))


@cache
def _stems_of_signs() -> Mapping[str, tuple[Category, ...]]:
    found: dict[str, list[Category]] = {}
    for category, signs in _SIGNS.items():
        for stem in {stem for group in groups(signs) for stem in group}:
            found.setdefault(stem, []).append(category)
    return {stem: tuple(categories) for stem, categories in found.items()}


def _place(words: Sequence[tuple[str, frozenset[str]]]) -> tuple[str | None, list[str]]:
    """The smallest unit that is named, unless two that don't lie in each other are."""
    named: dict[str, str] = {}
    for word, stems in words:
        for stem in stems:
            for code in _stems_of_places().get(stem, ()):
                named.setdefault(code, word)
    # "Abai" is a district of three regions: the region that is named too decides.
    inner = [
        code
        for code in named
        if not any(code != other and _lies_in(other, code) for other in named)
    ]
    sure = [code for code in inner if len(places.ancestors(code)) == 1 or _above_named(code, named)]
    chosen = sure or inner
    if len(chosen) != 1:
        return None, []
    return chosen[0], [named[chosen[0]]]


def _lies_in(inner: str, outer: str) -> bool:
    return any(unit.code == outer for unit in places.ancestors(inner)[1:])


def _above_named(code: str, named: Mapping[str, str]) -> bool:
    return any(unit.code in named for unit in places.ancestors(code)[1:])


@cache
def _stems_of_places() -> Mapping[str, tuple[str, ...]]:
    """For the stem of each place's own name the places it may be."""
    common = {stem for group in groups(_KINDS_OF_PLACE) for stem in group}
    found: dict[str, list[str]] = {}
    for unit in places.all_places():
        for name in unit.names.values():
            own = [group - common for group in groups(name)]
            # Names of several words are found by the first of their own, which tells them apart.
            for stem in next((group for group in own if group), frozenset()):
                if len(stem) > 3:
                    found.setdefault(stem, [])
                    if unit.code not in found[stem]:
                        found[stem].append(unit.code)
    return {stem: tuple(codes) for stem, codes in found.items()}
