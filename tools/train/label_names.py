"""The names that all training and evaluation tools share, in the order that the product's assets use."""

SENTIMENTS = ["positive", "neutral", "negative"]

THEMES = (
    "work school family friends romance health exercise sleep food money leisure creativity nature travel home pets "
    "spirituality technology emotions growth"
).split()

EMOTIONS = (
    "joy contentment gratitude love pride hope excitement relief amusement calm nostalgia sadness grief loneliness anger "
    "frustration anxiety fear shame guilt disappointment disgust jealousy boredom exhaustion overwhelm confusion surprise "
    "longing"
).split()

# Common theme names of ../shared/data to the product's; names that are absent here (celebration, decisions) map to none.
THEME_OF_SET = {name: name for name in THEMES} | {
    "friends_social": "friends",
    "pets_animals": "pets",
    "nature_weather": "nature",
    "emotional_wellbeing": "emotions",
    "shopping": "money",
    "shopping_money": "money",
}

# Where a public set has only emotion words: the valence that we give them, and our word for them (None: no honest one).
VALENCE_OF_EMOTION = {
    # GoEmotions
    "admiration": 0.6, "amusement": 0.5, "approval": 0.3, "caring": 0.35, "curiosity": 0.05, "desire": 0.15,
    "excitement": 0.8, "gratitude": 0.7, "joy": 0.85, "love": 0.8, "optimism": 0.45, "pride": 0.7, "relief": 0.5,
    "anger": -0.7, "annoyance": -0.45, "disappointment": -0.55, "disapproval": -0.4, "disgust": -0.7,
    "embarrassment": -0.5, "fear": -0.65, "grief": -0.9, "nervousness": -0.45, "remorse": -0.55, "sadness": -0.7,
    "confusion": -0.15, "realization": 0.0, "surprise": 0.1, "neutral": 0.0,
    # Lemotif
    "happy": 0.75, "satisfied": 0.55, "calm": 0.45, "proud": 0.7, "excited": 0.75, "surprised": 0.15,
    "nostalgic": 0.15, "frustrated": -0.55, "anxious": -0.5, "sad": -0.7, "bored": -0.35, "confused": -0.25,
    "angry": -0.7, "disgusted": -0.65, "afraid": -0.65, "ashamed": -0.6, "awkward": -0.35, "jealous": -0.5,
}  # fmt: skip

EMOTION_OF_SET = {
    "joy": "joy", "happy": "joy", "satisfied": "contentment", "gratitude": "gratitude", "love": "love",
    "pride": "pride", "proud": "pride", "optimism": "hope", "excitement": "excitement", "excited": "excitement",
    "relief": "relief", "amusement": "amusement", "calm": "calm", "nostalgic": "nostalgia", "sadness": "sadness",
    "sad": "sadness", "grief": "grief", "anger": "anger", "angry": "anger", "annoyance": "frustration",
    "frustrated": "frustration", "nervousness": "anxiety", "anxious": "anxiety", "fear": "fear", "afraid": "fear",
    "embarrassment": "shame", "ashamed": "shame", "remorse": "guilt", "disappointment": "disappointment",
    "disgust": "disgust", "disgusted": "disgust", "jealous": "jealousy", "bored": "boredom",
    "confusion": "confusion", "confused": "confusion", "surprise": "surprise", "surprised": "surprise",
    "desire": "longing",
}  # fmt: skip
