"""`augmentation`: what is done to training batches so that no epoch shows the same rows twice."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from models.spec.base import Items, Kind, Named, NotNegative, Positive, Section

Chance = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Degrees = Annotated[float, Field(ge=0, le=180)]


class Augmented(Section):
    """What every augmentation has: `READS` are the kinds of data that it changes, `MIXES` whether it mixes rows."""

    READS: ClassVar[frozenset[Kind]] = frozenset({"image"})
    MIXES: ClassVar[bool] = False


class RandomCrop(Augmented):
    """The image moved by up to `padding` whole pixels each way; what comes in at an edge repeats the edge."""

    type: Literal["random_crop"] = "random_crop"
    padding: Annotated[int, Field(ge=1, le=512)] = Field(2, description="Furthest move in pixels.")


class HorizontalFlip(Augmented):
    """Left and right swapped. Not for digits or letters."""

    type: Literal["horizontal_flip"] = "horizontal_flip"
    p: Chance = Field(0.5, description="Chance of an image to be changed.")


class VerticalFlip(Augmented):
    """Top and bottom swapped, for images that have no upside."""

    type: Literal["vertical_flip"] = "vertical_flip"
    p: Chance = Field(0.5, description="Chance of an image to be changed.")


class Rotate(Augmented):
    """A turn around the centre."""

    type: Literal["rotate"] = "rotate"
    degrees: Degrees = Field(15.0, description="Largest angle, to either side.")
    p: Chance = Field(1.0, description="Chance of an image to be changed.")


class Translate(Augmented):
    """A move by any part of a pixel."""

    type: Literal["translate"] = "translate"
    fraction: Fraction = Field(0.1, description="Furthest move, as a share of height and width.")
    p: Chance = Field(1.0, description="Chance of an image to be changed.")


class Scale(Augmented):
    """Closer or further away."""

    type: Literal["scale"] = "scale"
    factor: Fraction = Field(0.1, description="Largest change of size: 0.1 is from 0.9 to 1.1 times.")
    p: Chance = Field(1.0, description="Chance of an image to be changed.")


class Affine(Augmented):
    """Turn, move, change of size and shear in one, which blurs once instead of four times."""

    type: Literal["affine"] = "affine"
    degrees: Degrees = Field(10.0, description="Largest angle, to either side.")
    translate: Fraction = Field(0.1, description="Furthest move, as a share of height and width.")
    scale: Fraction = Field(0.1, description="Largest change of size: 0.1 is from 0.9 to 1.1 times.")
    shear: Annotated[float, Field(ge=0, le=60)] = Field(
        0.0, description="Largest angle of a sideways shear, in degrees."
    )
    p: Chance = Field(1.0, description="Chance of an image to be changed.")


class Colour(Augmented):
    """Brightness, contrast and saturation, each by a factor of its own."""

    type: Literal["color"] = "color"
    brightness: Fraction = Field(0.2, description="Largest change of the brightness: 0.2 is from 0.8 to 1.2 times.")
    contrast: Fraction = Field(0.2, description="Largest change of the distance to the image's mean grey.")
    saturation: Fraction = Field(0.0, description="Largest change of the distance to a pixel's own grey.")
    p: Chance = Field(1.0, description="Chance of an image to be changed.")


class Blur(Augmented):
    """A Gaussian blur."""

    type: Literal["blur"] = "blur"
    sigma: Annotated[float, Field(gt=0, le=16)] = Field(1.0, description="Largest deviation in pixels; from 0.1 on.")
    p: Chance = Field(0.5, description="Chance of an image to be changed.")


class Cutout(Augmented):
    """A square painted over with the image's mean colour (DeVries and Taylor 2017). It may reach over the edge."""

    type: Literal["cutout"] = "cutout"
    size: Share = Field(0.4, description="Side of the square, as a share of the image's shorter side.")
    p: Chance = Field(1.0, description="Chance of an image to be changed.")


class RandomErasing(Augmented):
    """A rectangle of any size and shape painted over with noise (Zhong et al. 2020)."""

    type: Literal["random_erasing"] = "random_erasing"
    area: Share = Field(0.3, description="Largest share of the image; from 0.02 on.")
    aspect: Annotated[float, Field(ge=1)] = Field(3.0, description="Largest ratio of the sides, either way.")
    p: Chance = Field(0.25, description="Chance of an image to be changed.")


class RandomPolicy(Augmented):
    """One random operation per image and round, out of moves, turns, shears and changes of colour.

    One round of random strength is TrivialAugment (Müller and Hutter 2021), several of one strength are RandAugment
    (Cubuk et al. 2020).
    """

    type: Literal["random_policy"] = "random_policy"
    rounds: Annotated[int, Field(ge=1, le=8)] = Field(1, description="Operations per image.")
    strength: Share | None = Field(None, description="Strength of an operation, 1 the most; null draws it anew.")


class Mixup(Augmented):
    """Every row mixed with another, and so their targets (Zhang et al. 2018); categories are taken from either."""

    READS: ClassVar[frozenset[Kind]] = frozenset({"table", "image", "series"})
    MIXES: ClassVar[bool] = True
    type: Literal["mixup"] = "mixup"
    alpha: Positive = Field(
        0.2, description="The share of the other row is drawn from Beta(alpha, alpha), the smaller half of it."
    )


class CutMix(Augmented):
    """A rectangle of another image pasted in, its share of the area being its share of the target (Yun et al. 2019)."""

    MIXES: ClassVar[bool] = True
    type: Literal["cutmix"] = "cutmix"
    alpha: Positive = Field(1.0, description="The share of the area is drawn from Beta(alpha, alpha).")


class Jitter(Augmented):
    """Noise added to every value."""

    READS: ClassVar[frozenset[Kind]] = frozenset({"series"})
    type: Literal["jitter"] = "jitter"
    std: NotNegative = Field(0.03, description="Deviation of the noise, in deviations of the column.")


class Scaling(Augmented):
    """Every column of a window multiplied by a factor of its own."""

    READS: ClassVar[frozenset[Kind]] = frozenset({"series"})
    type: Literal["scaling"] = "scaling"
    std: NotNegative = Field(0.1, description="Deviation of the factor around 1.")


class WindowWarping(Augmented):
    """A part of the window played slower or faster, the whole in the same time as before (Le Guennec et al. 2016)."""

    READS: ClassVar[frozenset[Kind]] = frozenset({"series"})
    type: Literal["window_warping"] = "window_warping"
    share: Share = Field(0.3, description="Length of that part, as a share of the window.")
    factor: Annotated[float, Field(gt=1, le=8)] = Field(2.0, description="How much slower, or faster, it is played.")
    p: Chance = Field(0.5, description="Chance of a window to be changed.")


class TokenDropout(Augmented):
    """Words replaced by the unknown one (Iyyer et al. 2015)."""

    READS: ClassVar[frozenset[Kind]] = frozenset({"text", "mixed"})
    type: Literal["token_dropout"] = "token_dropout"
    p: Fraction = Field(0.1, description="Chance of a token to be replaced.")


Augmentation = Annotated[
    RandomCrop
    | HorizontalFlip
    | VerticalFlip
    | Rotate
    | Translate
    | Scale
    | Affine
    | Colour
    | Blur
    | Cutout
    | RandomErasing
    | RandomPolicy
    | Mixup
    | CutMix
    | Jitter
    | Scaling
    | WindowWarping
    | TokenDropout,
    Field(discriminator="type"),
    Named,
]
Augmentations = Annotated[Items[Augmentation], Field(max_length=32)]


def _listed(value: Any) -> Any:
    """One entry alone means a list of it, and null an empty one."""
    if value is None:
        return []
    return [value] if isinstance(value, dict) or (isinstance(value, str) and value != "auto") else value


AnyAugmentation = Annotated[Literal["auto"] | Augmentations, BeforeValidator(_listed)]
