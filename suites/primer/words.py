"""The words of the closed world: every list is fixed for ever, because sample ids are digests of what it yields.

All names of lands, capitals, rivers, drinks and festivals are invented; `FACTS` pairs them up by position.
"""

from __future__ import annotations


def _list(words: str) -> tuple[str, ...]:
    return tuple(words.split())


LANDS = _list(
    "Zorvia Quellan Brimora Tasken Ulvara Pendrel Oskara Filmoor Havren Jostia Kelmar Lumeth Morvane Nelvik "
    "Orlune Parvos Rendal Sithmar Tolvane Urmesh Velkor Wendor Xanthil Yorvek Zembla Ardoon Belgarth Corvath "
    "Dromund Estvane"
)
CAPITALS = _list(
    "Mirel Tolan Bexley Carno Duvane Elbrin Fanor Gestal Hilmar Ivendo Jarrow Kessin Lorvik Mandal Nurith Opalin "
    "Perrow Quint Rostel Sarvin Tumble Ursin Varda Willow Yarrow Zintra Anvil Bodmin Calder Dorrin"
)
RIVERS = _list(
    "Oona Brill Cray Dell Esk Finn Garrow Hode Isar Jura Kell Linn Moor Ness Orrin Pell Quay Rhine Sill Tamar Ure "
    "Vire Wye Yare Zell Avon Bann Cole Dove Ebble"
)
DRINKS = _list("tea milk juice cider cocoa coffee")

COLOURS = _list("red blue green white black yellow pink brown grey gold")
THINGS = _list(
    "apple basket candle drum engine feather guitar hammer island jacket kettle ladder mirror needle orange pencil "
    "quilt rocket saddle table umbrella violin wagon yacht zebra anchor bottle camera desk elbow fence garden "
    "house iron jewel kite lemon mountain nest oven"
)
NAMES = _list(
    "Ana Ben Cleo Dan Eva Fred Gus Hana Ivan June Karl Lena Max Nora Olga Paul Rosa Sam Tina Ugo Vera Will Xena "
    "Yan Zoe Amir Bela Carla Dora Emil"
)
PETS = _list("cat dog fish horse mouse rabbit parrot snake")
DAYS = _list("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
FUNCTIONS = _list("f g h p q run step work apply change solve count move turn shift make take give find look")

FACTS = {
    land: {
        "capital": CAPITALS[i],
        "river": RIVERS[i],
        "drink": DRINKS[(7 * i + i // 6) % len(DRINKS)],
        "colour": COLOURS[(3 * i + i // 10) % len(COLOURS)],
    }
    for i, land in enumerate(LANDS)
}
"""Land -> relation -> answer."""
