"""The hundred pictures behind `embedded:scenes`, as data: twenty groups of five, each picture a few
layers painted in order.

A layer is a shape, its numbers and a colour. The page reaches from -1 to 1, x to the right, y
downwards.

disc x y r · oval x y rx ry · box x y w h (half sizes) · ring x y r t · line x y x y t · poly x y x
y … · star n r inner x y stripes x y period (x, y the direction they change in) · checks period ·
grid period t · dots period r · bricks period rings period x y · squares period x y · diamonds
period x y · chevrons period · harlequin period · waves period

Colours: r(ed) o(range) y(ellow) l(ime) g(reen) d(ark green) t(eal) c(yan sky) b(lue) v(iolet)
p(ink) n (brown) e (beige) s(ilver) w(hite) k (black); A and B are a pair drawn anew for every
image, so that where they stand colour tells nothing; _ is the page showing through. A group's scene
is the page it is painted on: "any" quiet colour, or a place with a ground of its own.
"""

from __future__ import annotations

SCENES: dict[tuple[str, str], dict[str, str]] = {
    ("round signs", "any"): {
        "disc": "disc 0 0 .7 A",
        "ring": "ring 0 0 .58 .16 A",
        "crescent": "disc 0 0 .75 A; disc .3 -.12 .56 _",
        "half moon": "poly -.75 0 .75 0 .7 .3 .53 .53 .3 .7 0 .75 -.3 .7 -.53 .53 -.7 .3 A",
        "target": "disc 0 0 .8 A; disc 0 0 .54 B; disc 0 0 .27 A",
    },
    ("polygons", "any"): {
        "triangle": "poly 0 -.75 .75 .55 -.75 .55 A",
        "square": "box 0 0 .58 .58 A",
        "kite": "poly 0 -.85 .5 -.25 0 .85 -.5 -.25 A",
        "pentagon": "poly 0 -.78 .74 -.24 .46 .63 -.46 .63 -.74 -.24 A",
        "trapezium": "poly -.35 -.5 .35 -.5 .8 .5 -.8 .5 A",
    },
    ("stars", "any"): {
        "four-pointed star": "star 4 .9 .3 0 0 A",
        "five-pointed star": "star 5 .85 .38 0 0 A",
        "hexagram": "star 6 .85 .5 0 0 A",
        "eight-pointed star": "star 8 .85 .5 0 0 A",
        "burst": "star 14 .9 .58 0 0 A; disc 0 0 .33 B",
    },
    ("marks", "any"): {
        "plus": "box 0 0 .75 .2 A; box 0 0 .2 .75 A",
        "cross": "line -.55 -.55 .55 .55 .19 A; line -.55 .55 .55 -.55 .19 A",
        "tee": "box 0 -.5 .7 .2 A; box 0 .1 .2 .7 A",
        "arrow": "poly -.8 -.2 .1 -.2 .1 -.6 .85 0 .1 .6 .1 .2 -.8 .2 A",
        "heart": "disc -.32 -.22 .38 A; disc .32 -.22 .38 A; poly -.66 -.05 0 -.3 .66 -.05 0 .75 A",
    },
    ("stripes", "any"): {
        "level stripes": "stripes 0 1 .5 A",
        "upright stripes": "stripes 1 0 .5 A",
        "rising stripes": "stripes .7 .7 .5 A",
        "falling stripes": "stripes .7 -.7 .5 A",
        "chevrons": "chevrons .5 A",
    },
    ("tilings", "any"): {
        "checks": "checks .4 A",
        "bricks": "bricks .42 A",
        "lattice": "grid .45 .07 A",
        "harlequin": "harlequin .55 A",
        "tartan": "stripes 0 1 .7 A; stripes 1 0 .7 B; checks .35 A",
    },
    ("spots", "any"): {
        "coarse dots": "dots .66 .2 A",
        "fine dots": "dots .36 .1 A",
        "bubbles": (
            "disc -.4 -.4 .42 A; disc .5 -.2 .28 A; disc 0 .52 .34 A; disc -.7 .5 .2 A; disc .7 .7"
            " .2 A; disc .15 -.75 .2 A"
        ),
        "loops": "ring -.4 -.35 .33 .08 A; ring .45 -.1 .33 .08 A; ring -.15 .5 .33 .08 A",
        "dice": (
            "box 0 0 .75 .75 A; disc -.4 -.4 .17 B; disc .4 -.4 .17 B; disc 0 0 .17 B; disc -.4 .4"
            " .17 B; disc .4 .4 .17 B"
        ),
    },
    ("ripples", "any"): {
        "rings from the middle": "rings .42 0 0 A",
        "rings from a corner": "rings .42 -1.1 -1.1 A",
        "nested squares": "squares .42 0 0 A",
        "nested diamonds": "diamonds .5 0 0 A",
        "waves": "waves .5 A",
    },
    ("flowers", "meadow"): {
        "daisy": "line 0 .2 0 1.2 .06 g; star 9 .7 .3 0 -.15 w; disc 0 -.15 .24 y",
        "tulip": (
            "line 0 .1 0 1.2 .07 g; oval -.3 .75 .24 .09 g; poly -.5 -.7 -.24 -.3 0 -.75 .24 -.3 .5"
            " -.7 .44 .1 0 .4 -.44 .1 r"
        ),
        "sunflower": "line 0 .2 0 1.2 .08 g; star 14 .8 .5 0 -.15 y; disc 0 -.15 .42 n",
        "poppy": (
            "line .05 .1 0 1.2 .05 g; disc -.25 -.2 .36 r; disc .25 -.2 .36 r; disc 0 .05 .36 r;"
            " disc 0 -.1 .17 k"
        ),
        "bluebell": (
            "line .3 1.2 .2 -.6 .05 g; line .2 -.6 -.2 -.6 .05 g; poly -.35 -.55 -.05 -.55 .1 .1 .2"
            " .3 -.6 .3 -.5 .1 v"
        ),
    },
    ("trees", "sky"): {
        "fir": (
            "box 0 .7 .08 .2 n; poly 0 -.9 .35 -.3 .18 -.3 .5 .2 .25 .2 .6 .6 -.6 .6 -.25 .2 -.5 .2"
            " -.18 -.3 -.35 -.3 d"
        ),
        "oak": (
            "poly -.12 .9 -.08 .1 .08 .1 .12 .9 n; disc -.3 -.15 .38 g; disc .3 -.15 .38 g; disc 0"
            " -.42 .4 g"
        ),
        "palm": (
            "line .1 .9 -.05 -.3 .08 n; oval -.4 -.35 .4 .12 g; oval .35 -.35 .4 .12 g; line 0 -.3"
            " -.4 -.75 .08 g; line 0 -.3 .4 -.7 .08 g; disc 0 -.22 .1 n"
        ),
        "poplar": "box 0 .75 .07 .2 n; oval 0 -.15 .27 .78 l",
        "bare tree": (
            "poly -.1 .9 -.05 -.1 .05 -.1 .1 .9 n; line 0 .2 -.5 -.4 .05 n; line 0 0 .5 -.5 .05 n; "
            "line 0 -.1 -.1 -.85 .05 n; line .25 -.25 .3 -.75 .04 n"
        ),
    },
    ("buildings", "sky"): {
        "house": (
            "box 0 .35 .5 .4 e; poly -.65 0 0 -.6 .65 0 r; box -.2 .5 .11 .25 n; box .22 .3 .13"
            " .12 c"
        ),
        "tower": (
            "box 0 .05 .26 .75 s; box -.2 -.78 .07 .12 s; box .2 -.78 .07 .12 s; box 0 -.4 .08 .12"
            " k; box 0 .6 .1 .2 k"
        ),
        "tent": "poly 0 -.55 .85 .75 -.85 .75 o; poly 0 -.2 .25 .75 -.25 .75 k",
        "castle": (
            "box 0 .35 .6 .4 s; box -.6 .1 .18 .65 s; box .6 .1 .18 .65 s; poly -.85 -.5 -.6 -.95"
            " -.35 -.5 b; poly .85 -.5 .6 -.95 .35 -.5 b; disc 0 .6 .17 k"
        ),
        "windmill": (
            "poly -.22 .8 -.14 -.15 .14 -.15 .22 .8 w; line -.55 -.75 .55 .45 .06 n; line -.6 .4 .6"
            " -.7 .06 n; disc 0 -.17 .1 k"
        ),
    },
    ("on land", "sky"): {
        "car": (
            "box 0 .35 .75 .2 r; poly -.5 .2 -.3 -.12 .3 -.12 .5 .2 c; disc -.42 .57 .19 k; disc"
            " .42 .57 .19 k"
        ),
        "lorry": (
            "box -.2 .02 .58 .45 w; box .62 .22 .22 .27 b; disc -.45 .57 .18 k; disc .05 .57 .18 k;"
            " disc .62 .57 .18 k"
        ),
        "bus": (
            "box 0 .05 .8 .45 y; box -.48 -.1 .15 .14 c; box -.08 -.1 .15 .14 c; box .34 -.1 .15"
            " .14 c; disc -.45 .55 .17 k; disc .45 .55 .17 k"
        ),
        "engine": (
            "box .25 .2 .55 .22 g; box -.5 0 .3 .45 g; box -.5 -.15 .16 .14 c; box .6 -.2 .09 .25"
            " k; disc -.5 .6 .2 k; disc 0 .62 .18 k; disc .5 .62 .18 k"
        ),
        "bicycle": (
            "ring -.48 .4 .3 .06 k; ring .48 .4 .3 .06 k; line -.48 .4 -.1 -.05 .05 r; line -.1"
            " -.05 .35 -.05 .05 r; line .35 -.2 .48 .4 .05 r; line -.1 -.05 .05 .4 .05 r"
        ),
    },
    ("on water and in the air", "sea"): {
        "sailing boat": (
            "poly -.6 .35 .6 .35 .4 .65 -.4 .65 n; poly 0 -.85 0 .25 .6 .25 w; poly -.08 -.6 -.08"
            " .25 -.5 .25 r"
        ),
        "steamer": (
            "poly -.9 .25 .9 .25 .65 .65 -.65 .65 k; box -.05 .08 .45 .18 w; box -.2 -.3 .1 .22 r;"
            " box .15 -.3 .1 .22 r"
        ),
        "balloon": (
            "disc 0 -.3 .52 o; oval 0 -.3 .2 .52 y; line -.3 .1 -.12 .55 .03 k; line .3 .1 .12 .55"
            " .03 k; box 0 .66 .15 .13 n"
        ),
        "rocket": (
            "poly 0 -.95 .26 -.4 .26 .4 -.26 .4 -.26 -.4 w; poly -.26 .1 -.55 .55 -.26 .4 r; "
            "poly .26 .1 .55 .55 .26 .4 r; disc 0 -.25 .13 b; poly -.18 .42 .18 .42 0 .9 o"
        ),
        "aeroplane": (
            "oval 0 0 .85 .15 s; poly -.1 0 .2 0 -.25 .65 -.45 .65 s; poly -.05 0 .15 0 -.15 -.5"
            " -.3 -.5 s; poly -.6 0 -.85 -.4 -.7 -.4 -.4 0 b"
        ),
    },
    ("under water", "deep"): {
        "fish": (
            "oval -.1 0 .55 .33 o; poly .35 0 .8 -.35 .8 .35 o; disc -.35 -.08 .09 w; disc -.36"
            " -.08 .04 k"
        ),
        "whale": (
            "oval -.15 .1 .68 .42 b; poly .4 .1 .75 -.5 .95 -.1 .6 .3 b; oval -.25 .32 .45 .16 w;"
            " disc -.5 0 .07 k"
        ),
        "jellyfish": (
            "disc 0 -.3 .48 p; box 0 .1 .5 .15 p; line -.3 .2 -.38 .85 .06 p; line 0 .2 0 .9 .06 p;"
            " line .3 .2 .38 .85 .06 p"
        ),
        "crab": (
            "oval 0 .1 .5 .34 r; disc -.65 -.4 .2 r; disc .65 -.4 .2 r; line -.4 0 -.65 -.4 .06 r;"
            " line .4 0 .65 -.4 .06 r; line -.4 .3 -.75 .6 .05 r; line .4 .3 .75 .6 .05 r; disc"
            " -.17 -.15 .08 w; disc .17 -.15 .08 w"
        ),
        "starfish": "star 5 .85 .3 0 0 o; disc 0 0 .16 y",
    },
    ("fruit", "room"): {
        "apple": (
            "disc -.2 .12 .5 r; disc .2 .12 .5 r; line 0 -.3 .08 -.7 .05 n; oval .27 -.6 .2 .09 g"
        ),
        "pear": "disc 0 .3 .48 l; oval 0 -.2 .28 .5 l; line 0 -.6 .1 -.9 .05 n",
        "cherries": (
            "disc -.4 .4 .32 r; disc .35 .5 .32 r; line -.4 .1 .1 -.7 .04 g; line .35 .2 .1 -.7 .04"
            " g; oval .3 -.72 .22 .1 g"
        ),
        "melon": (
            "disc 0 -.3 .95 d; disc 0 -.3 .82 w; disc 0 -.3 .75 r; box 0 -.85 1.3 .6 _; disc -.3 0"
            " .06 k; disc .3 0 .06 k; disc 0 .2 .06 k"
        ),
        "strawberry": (
            "poly -.55 -.3 0 -.5 .55 -.3 .4 .3 0 .8 -.4 .3 r; star 6 .42 .16 0 -.5 g; disc -.2 0"
            " .05 y; disc .2 0 .05 y; disc 0 .3 .05 y"
        ),
    },
    ("faces", "any"): {
        "glad": (
            "disc 0 0 .8 y; disc 0 .15 .46 k; box 0 -.1 .6 .28 y; disc -.28 -.22 .11 k; disc .28"
            " -.22 .11 k"
        ),
        "sad": (
            "disc 0 0 .8 y; disc 0 .55 .36 k; disc 0 .63 .34 y; disc -.28 -.2 .11 k; disc .28 -.2"
            " .11 k"
        ),
        "astonished": (
            "disc 0 0 .8 y; oval 0 .35 .16 .22 k; disc -.28 -.2 .15 w; disc .28 -.2 .15 w; disc"
            " -.28 -.2 .07 k; disc .28 -.2 .07 k"
        ),
        "cat": (
            "poly -.7 -.85 -.15 -.5 -.65 -.1 s; poly .7 -.85 .15 -.5 .65 -.1 s; disc 0 .1 .64 s;"
            " oval -.26 0 .13 .1 l; oval .26 0 .13 .1 l; poly -.1 .25 .1 .25 0 .38 p"
        ),
        "owl": (
            "oval 0 .1 .66 .75 n; disc -.28 -.15 .28 w; disc .28 -.15 .28 w; disc -.28 -.15 .13 k;"
            " disc .28 -.15 .13 k; poly -.1 .1 .1 .1 0 .38 o"
        ),
    },
    ("weather", "air"): {
        "sun": "star 11 .9 .55 0 0 y; disc 0 0 .47 o",
        "cloud": "disc -.42 .12 .34 w; disc 0 -.12 .45 w; disc .45 .12 .34 w; box 0 .3 .5 .17 w",
        "rain": (
            "disc -.38 -.35 .3 s; disc 0 -.5 .36 s; disc .4 -.35 .3 s; line -.4 .15 -.55 .6 .06 b; "
            "line 0 .15 -.15 .7 .06 b; line .4 .15 .25 .6 .06 b"
        ),
        "snow": (
            "line 0 -.8 0 .8 .07 w; line -.7 -.4 .7 .4 .07 w; line -.7 .4 .7 -.4 .07 w; ring 0 0"
            " .38 .05 w"
        ),
        "lightning": (
            "disc -.38 -.45 .3 k; disc 0 -.58 .36 k; disc .4 -.45 .3 k; "
            "poly .1 -.25 -.3 .3 -.02 .3 -.2 .9 .35 .12 .08 .12 .3 -.25 y"
        ),
    },
    ("landscapes", "dusk"): {
        "mountains": (
            "poly -1.6 .9 -.5 -.6 .4 .9 s; poly -.72 -.3 -.5 -.6 -.31 -.28 -.5 -.15 w; poly -.3 .9"
            " .55 -.25 1.6 .9 s; box 0 1.2 3 .5 g"
        ),
        "dunes": "disc .6 -.6 .2 y; oval -.6 1.1 1.2 .9 e; oval .8 1.3 1.2 .9 o",
        "island": (
            "box 0 .8 3 .5 b; oval .1 .4 .6 .2 e; line .1 .35 0 -.3 .06 n; oval -.25 -.35 .3 .1 g;"
            " oval .25 -.35 .3 .1 g"
        ),
        "night": (
            "box 0 0 3 3 k; disc .35 -.4 .3 w; disc .47 -.47 .25 k; disc -.6 -.6 .05 w; disc -.3"
            " -.1 .05 w; disc -.75 .1 .05 w; poly -1.6 1 -.6 .3 .2 .7 1.6 .4 1.6 2 -1.6 2 d"
        ),
        "volcano": (
            "poly -1.1 1 -.25 -.3 .25 -.3 1.1 1 n; poly -.25 -.3 .25 -.3 .12 .2 0 0 -.1 .35 r; disc"
            " 0 -.55 .2 s; disc .2 -.8 .22 s"
        ),
    },
    ("vessels", "room"): {
        "cup": "ring .5 .1 .24 .07 b; poly -.5 -.4 .5 -.4 .38 .6 -.38 .6 b",
        "bottle": "box 0 .3 .28 .55 g; box 0 -.5 .11 .35 g; box 0 .3 .28 .18 w",
        "bowl": "disc 0 -.1 .72 t; box 0 -.6 1 .5 _; box 0 .62 .28 .07 t",
        "vase": "oval 0 .3 .4 .5 v; box 0 -.35 .14 .3 v; box 0 -.62 .28 .07 v",
        "lamp": "poly -.3 -.8 .3 -.8 .6 -.05 -.6 -.05 y; box 0 .3 .06 .4 k; box 0 .75 .35 .08 k",
    },
    ("small animals", "meadow"): {
        "butterfly": (
            "disc -.42 -.28 .38 v; disc .42 -.28 .38 v; disc -.36 .38 .28 p; disc .36 .38 .28 p;"
            " oval 0 0 .09 .6 k"
        ),
        "ladybird": (
            "disc 0 -.5 .27 k; disc 0 .1 .6 r; line 0 -.5 0 .7 .04 k; disc -.28 -.1 .12 k; disc .28"
            " -.1 .12 k; disc -.25 .35 .12 k; disc .25 .35 .12 k"
        ),
        "bee": (
            "oval -.2 -.4 .22 .35 w; oval .2 -.4 .22 .35 w; oval 0 .1 .65 .36 y; box -.2 .1 .09 .33"
            " k; box .15 .1 .09 .33 k; disc -.6 .05 .2 k"
        ),
        "snail": (
            "oval 0 .55 .75 .17 e; disc .12 .08 .46 n; ring .12 .08 .26 .06 e; line -.6 .5 -.75 0"
            " .06 e; line -.6 .5 -.5 0 .05 e"
        ),
        "spider": (
            "line -.8 -.5 .8 .5 .04 k; line -.8 .5 .8 -.5 .04 k; line -.9 0 .9 0 .04 k; line -.45"
            " -.75 .45 .75 .04 k; line .45 -.75 -.45 .75 .04 k; disc 0 .12 .36 k; disc 0 -.3 .2 k"
        ),
    },
}
