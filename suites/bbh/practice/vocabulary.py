"""Names, things and word stems of our own: plain English, so that most words of the official questions occur too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_NAMES = """
Adele Alejandro Alexis Alma Amberly Amos Andree Antwan Audrie Beatrix Bernita Boris Bruno Carmen Christie Clara
Conception Crista Dallas Daphne Delbert Delfina Dexter Edgar Elanor Elsie Esther Fidel Fiona Fletcher Flora Gilbert
Gloria Gwenn Harvey Hector Helene Hilda Ida Inga Irene Iris Ivan Jamey Jasper Jaymie Jerry Jim Joan Josef Judith Ka
Kandi Karl Kristian Lance Leda Leo Lionel Lola Lorine Lucas Mabel Marvin Maybelle Michael Michaela Millicent Millie
Minna Morris Nadia Nelson Nina Noah Norma Odette Olga Omar Oscar Osvaldo Otto Pablo Paula Phoebe Quentin Rashida
Raymond Rita Rosa Rufus Ruth Ryan Sal Selma Shalonda Shaunda Shenna Sherrie Silas Sima Simon Tamika Tara Teressa
Theo Tilda Ulla Ursula Vera Vernell Victor Vina Walter Wanda Willian Yoland Yusuf Zelda
"""
NAMES = tuple(_NAMES.split())


@dataclass(frozen=True)
class Thing:
    """What can be counted."""

    one: str
    several: str


def _things(listed: str) -> Iterator[Thing]:
    """Yield things of lines like `plum, peach/peaches`."""
    for name in listed.replace("\n", " ").split(","):
        one, _, several = " ".join(name.split()).partition("/")
        yield Thing(one, several or f"{one}s")


KINDS: Mapping[str, tuple[Thing, ...]] = {
    kind: tuple(_things(listed))
    for kind, listed in {
        "animals": "bear, cat, chicken, cow, dog, donkey, duck, fish/fish, frog, goat, hen, horse, mouse/mice, pig,"
        " rabbit, snail, snake, turtle",
        "fruits": "apple, apricot, banana, blackberry/blackberries, cherry/cherries, grape, lemon, nectarine, orange,"
        " peach/peaches, pear, plum, raspberry/raspberries, strawberry/strawberries",
        "musical instruments": "accordion, banjo, cello, clarinet, drum, flute, guitar, harp, oboe, piano, trombone,"
        " trumpet, violin",
        "objects": "bed, bench/benches, car, chair, couch/couches, desk, fridge, lamp, microwave, mirror, oven, shelf/"
        "shelves, stove, table, toaster",
        "vegetables": "beet, cabbage, carrot, cauliflower, garlic, head of broccoli/heads of broccoli, leek, lettuce"
        " head, onion, potato/potatoes, radish/radishes, stalk of celery/stalks of celery, turnip, yam",
    }.items()
}
"""What a question asks for -> the things of that kind."""

_STEMS = """
abbey abode about above absent accent acid acorn actor adapt admit adult afford afternoon agent alarm album alder
alien allow almond alone alpha altar amber amend ample anchor angle ankle apron arch arena argue armor arrow ash
atlas attic aunt autumn avenue award axis bacon badge baker balcony bamboo barn barrel basin basket battle beacon
beam beaver bed belief bell bend berry bishop bitter blanket blend blind blood bloom board boil bolt bonus booth
border bottle bounce brace branch bread breeze brick bridge bright broad bronze brook brush bucket buffalo bugle
build bundle burden butter button cabin cable cactus camel camp canal candle canoe canvas carbon cargo carpet carve
castle cattle cave cedar cellar center chain chalk chamber chapel charm chart cheese chess child chimney choice
church cinder circle citizen civic clam clerk climb cloak cloth cloud clover coal coast cobble coffee coil collar
colony column comet comma common copper coral corner cotton council county cousin cradle craft crane crater credit
creek crest crimson crisp crowd crown cruise crystal cube culture curtain cycle dagger dairy damage dance danger
debate decade decide deck deer define delay delta demand denial depth desert detail device diagram dial diary dinner
direct ditch divide doctor dollar dolphin domain donor doubt dove dozen draft dragon drama dream drift drill drop
dusk dust eager eagle earth east echo edge effort elbow elder elect elephant elm ember empire enamel energy engine
enjoy entire envelope equal error essay estate evening event exact exit expand fabric factor fade falcon family
fancy farm fashion feather fellow fence fern ferry fever fiber field figure filter final finger fire first flag
flame flavor fleet flesh float flock flood floor flower fluid foam fog folk forest forge fork formal fossil fox
frame freeze frost fuel funnel future gallery gallon game garden garlic garment gate gather gaze gear gentle ghost
giant ginger glacier glass glide globe glove goal gold gossip govern grace grain grand granite grass gravel great
green grill ground group grow guard guest guide gulf habit hammer handle harbor harsh harvest hasty hatch haven hawk
hazel health heart hedge height helmet herald herb heron hill hinge hobby hollow honest honey hood horizon hotel
hour house human humble hunt hurdle ice idea idle image impact inch index infant ink inner insect invite iron island
ivory ivy jacket jade jar jaw jelly jewel join joint journey judge juice jump jungle junior jury just kennel kernel
kettle key kidney king kitchen kite knee knight knot label labor lace ladder lagoon lake lamp lane lantern lapse
larch laser latch later laurel lawn layer leader leaf league lean learn leather ledge legend lemon lend letter level
lever liberty light lilac limb limit linen link lion liquid list liver lizard load loaf local lodge logic lonely
loom loose loud lounge lovely loyal lucky lumber lunar lunch lure machine magnet maiden mail major maker mallet
manor mantle maple marble march margin market marsh mask mason master match matter meadow measure medal melody melt
member mend menu mercy merit metal meteor method middle mild mill mimic mine minor mint mirror mist mitten mixture
model modest moist monarch month mood moral morning mortar moss motion motor mount mouth muffin mural muscle museum
music mustard myth nail napkin narrow nation nature navy nectar needle nephew nerve nest network neutral nickel
night noble noise normal north notice novel nozzle number nurse oak oasis object ocean offer office olive omen onion
open opera orbit orchard order organ origin otter ounce outer oven over owl owner oxygen oyster paddle page paint
palace palm panel pantry paper parade parent park parlor parrot party pasta patch patrol pause pearl pebble pedal
pencil pepper period permit person phase phrase picnic piece pigment pillow pilot pine pioneer pipe pistol piston
pitch planet plank plant plaster plate plaza pledge plenty plow plunge pocket poem point polar polite pond pony
poplar porch portal possum poster potter powder power praise prefer prince prison prize profit prompt proof protect
proud prune public pulse pump pupil puppet purple purse puzzle quaint quarry quartz queen quest quick quiet quilt
quota rabbit radar radio raft rail rain ramble ranch random range rapid raven razor ready realm rebel recipe record
reef region regret relax relic remedy remote render rent repair reply rescue resist result retire reveal rhythm
ribbon ridge rifle ripple ritual rival river road roast robin rocket roof root rope rotate rough route royal rubber
ruby rude rugged ruler rumor rural rust saddle safari sage sail salad salmon salt sample sand satin sauce savage
scale scarf scene scheme school scope score scout screen script sculptor sea search season second secret seed senate
senior series settle shade shadow shallow shape share sharp shelter shield shine shirt shock shore short shovel
shrine signal silent silk silver simple singer sister sketch skill skirt sleeve slice slope smart smoke smooth snow
soap social soft soil solar soldier solid sonnet soul sound south spade spark speak speed spell spice spider spine
spirit splash sponge spoon sport spring spruce square stable stadium staff stage stair stamp staple star statue
steam steel stem stereo stick still stitch stone storm story stove strand stream street strike string strong studio
subject sudden sugar summer summit sunset supper supply surface swamp sweet swift switch symbol syrup system table
tailor talent tangle target tavern teacher temple tenant tender tennis tent terrace thatch theater theory thick
thorn thread thrill throne thumb thunder ticket tidal tiger timber tin tissue title toast today token tomato tongue
tooth topaz torch tower trace track trade trail train travel treasure treaty tremble trench tribe trick trout truck
trumpet trunk trust tunnel turkey turtle twelve twig twin ultra umbrella uncle under union unit upper upset urban
urge usual utter vacant valley valve vanilla vapor vault velvet vendor verse vessel veteran victory video view
village vine violet virtue visit vital vivid voice volcano volume voyage wagon waist walnut wander warm warrior wash
water wave wealth weather wedge weed west whale wheat wheel whip whisper whistle wide widow wild willow wind window
winter wire wisdom witness wolf wonder wood wool world worry worth wound wrap wrist yacht yard year yellow yield
yoke young zeal zebra zenith zero zigzag zinc zone
"""
STEMS = tuple(_STEMS.split())
"""About a thousand of the commonest nouns, verbs and adjectives."""
ENDINGS = ("", "s", "ed", "er", "ing", "ly", "ful", "ness")
