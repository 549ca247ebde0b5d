//! Words and what they are to the gates. Written for Companion.

/// Words without a topic: they never make two texts alike or unlike by themselves.
#[rustfmt::skip]
const FUNCTION: &[&str] = &[
    "a", "about", "actually", "again", "ago", "all", "also", "am", "an", "and", "another", "any", "anything", "are",
    "around", "as", "ask", "at", "back", "be", "because", "been", "being", "bit", "but", "by", "can", "could", "did",
    "do", "does", "doing", "done", "each", "else", "even", "ever", "every", "few", "for", "from", "get", "getting",
    "give", "go", "going", "got", "had", "has", "have", "having", "he", "hello", "help", "her", "here", "hers", "hey",
    "hi", "him", "his", "how", "i", "id", "if", "in", "into", "is", "it", "its", "just", "kind", "know", "let",
    "like", "make", "many", "may", "maybe", "me", "might", "mine", "more", "most", "much", "must", "my", "myself",
    "need", "never", "no", "nobody", "none", "nor", "not", "nothing", "now", "of", "off", "ok", "okay", "on", "one",
    "ones", "only", "or", "other", "our", "out", "over", "own", "please", "put", "quick", "quickly", "quite",
    "rather", "really", "say", "see", "she", "should", "show", "simply", "so", "some", "something", "sort", "still",
    "such", "tell", "than", "thanks", "that", "the", "their", "them", "then", "there", "these", "they", "thing",
    "things", "this", "those", "through", "to", "todo", "too", "try", "up", "us", "use", "very", "want", "was", "way",
    "we", "well", "were", "what", "when", "where", "whether", "which", "while", "who", "whole", "whose", "why",
    "will", "wish", "with", "without", "would", "yeah", "yes", "yet", "you", "your", "yours",
];

/// Forms that no rule of endings leads back.
#[rustfmt::skip]
const IRREGULAR: &[(&str, &str)] = &[
    ("ate", "eat"), ("beaten", "beat"), ("became", "becom"), ("began", "begin"), ("begun", "begin"), ("better", "better"),
    ("bought", "buy"), ("broke", "break"), ("broken", "break"), ("brought", "bring"), ("came", "com"), ("caught", "catch"),
    ("chose", "choos"), ("chosen", "choos"), ("cried", "cry"), ("done", "do"), ("drank", "drink"), ("drew", "draw"), ("drove", "driv"),
    ("dying", "die"), ("fallen", "fall"), ("felt", "feel"), ("fell", "fall"), ("forgave", "forgiv"), ("forgiven", "forgiv"),
    ("forgot", "forget"), ("forgotten", "forget"), ("fought", "fight"), ("found", "find"), ("gave", "giv"), ("given", "giv"),
    ("gone", "go"), ("grew", "grow"), ("grown", "grow"), ("held", "hold"), ("kept", "keep"), ("knew", "know"), ("known", "know"),
    ("laid", "lay"), ("led", "lead"), ("left", "leav"), ("lying", "lie"), ("lost", "los"), ("made", "mak"), ("meant", "mean"),
    ("met", "meet"), ("paid", "pay"), ("ran", "run"), ("said", "say"), ("sang", "sing"), ("saw", "see"), ("seen", "see"),
    ("sent", "send"), ("shown", "show"), ("slept", "sleep"), ("sold", "sell"), ("spent", "spend"), ("spoke", "speak"), ("spoken", "speak"),
    ("stood", "stand"), ("swam", "swim"), ("taken", "tak"), ("taught", "teach"), ("thought", "think"), ("told", "tell"),
    ("took", "tak"), ("understood", "understand"), ("went", "go"), ("woke", "wak"), ("won", "win"), ("wore", "wear"),
    ("written", "writ"), ("wrote", "writ"), ("worse", "worse"), ("children", "child"), ("people", "people"), ("wives", "wif"),
];

/// Whether the word has no topic.
pub(super) fn is_function_word(form: &str) -> bool {
    FUNCTION.binary_search(&form).is_ok()
}

/// A crude stem: the same for the forms of a verb and for one and many of a thing. It is compared, never shown.
pub(super) fn stem(form: &str) -> String {
    if let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == form) {
        return (*stem).to_owned();
    }
    if !form.is_ascii() || form.len() < 4 {
        return form.to_owned();
    }
    let vowel = |s: &str| s.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    let endings: [(&str, &str); 9] = [
        ("ies", "y"),
        ("ied", "y"),
        ("sses", "ss"),
        ("ing", ""),
        ("ed", ""),
        ("ly", ""),
        ("ss", "ss"),
        ("us", "us"),
        ("s", ""),
    ];
    let mut stem = form.to_owned();
    for (ending, instead) in endings {
        if let Some(rest) = form.strip_suffix(ending)
            && rest.len() >= 2
            && vowel(rest)
        {
            stem = format!("{rest}{instead}");
            break;
        }
    }
    let bytes = stem.as_bytes();
    let n = bytes.len();
    let doubled =
        n > 3 && bytes[n - 1] == bytes[n - 2] && !matches!(bytes[n - 1], b'l' | b's' | b'e' | b'o');
    if doubled || (n > 3 && bytes[n - 1] == b'e') {
        stem.pop();
    }
    stem
}

/// Opposites, each side with the words that stand for it. One side in one text and the other side in the other is a
/// different request, unless one of them is negated.
#[rustfmt::skip]
pub(super) const OPPOSITES: &[(&[&str], &[&str])] = &[
    (&["start", "starting", "started", "starts", "begin", "beginning", "began"], &["stop", "stopping", "stopped", "stops", "quit", "quitting", "end", "ending", "finish", "finishing"]),
    (&["more", "increase", "increased", "increasing", "most"], &["less", "fewer", "decrease", "decreased", "reduce", "reducing", "least"]),
    (&["better", "improve", "improved", "improving", "best", "improvement"], &["worse", "worsen", "worst", "worsening", "decline"]),
    (&["best", "highlight", "highlights", "high", "highs", "highest", "peak"], &["worst", "low", "lows", "lowest", "lowlight", "lowlights"]),
    (&["good", "great", "wonderful", "nice", "lovely", "fine", "pleasant"], &["bad", "awful", "terrible", "horrible", "rough", "crap", "unpleasant"]),
    (&["happy", "happier", "happiest", "glad", "joyful", "cheerful", "joy", "happiness"], &["sad", "sadder", "unhappy", "miserable", "sadness", "unhappiness", "gloomy"]),
    (&["proud", "pride"], &["ashamed", "shame", "embarrassed", "embarrassing", "guilty"]),
    (&["calm", "calmer", "relaxed", "peaceful", "peace", "serene"], &["anxious", "anxiety", "nervous", "stressed", "stress", "tense", "panic", "worried", "agitated", "restless"]),
    (&["love", "loved", "loving", "adore", "enjoy", "enjoyed", "enjoying"], &["hate", "hated", "hating", "loathe", "dislike", "disliked", "dread", "dreaded"]),
    (&["before"], &["after"]), (&["first", "earliest"], &["last", "latest"]), (&["always"], &["never", "rarely", "seldom"]),
    (&["often", "frequently"], &["rarely", "seldom"]), (&["everything"], &["nothing"]), (&["everyone", "everybody"], &["nobody"]),
    (&["remember", "remembered", "remembering"], &["forget", "forgot", "forgetting", "forgotten"]),
    (&["gain", "gained", "gaining"], &["lose", "lost", "losing"]), (&["win", "won", "winning", "wins", "victory", "victories"], &["lose", "lost", "losing", "losses", "defeat", "failures"]),
    (&["easy", "easier", "easily"], &["hard", "harder", "difficult", "tough"]), (&["strength", "strengths", "strong", "stronger"], &["weakness", "weaknesses", "weak", "weaker"]),
    (&["success", "successes", "succeed", "succeeded", "successful"], &["failure", "failures", "fail", "failed", "unsuccessful"]),
    (&["positive", "positives", "pro", "pros", "upside", "advantages"], &["negative", "negatives", "con", "cons", "downside", "disadvantages"]),
    (&["longer", "long", "lengthy"], &["shorter", "short", "brief"]), (&["save", "saved", "saving"], &["spend", "spent", "spending"]),
    (&["stay", "staying", "stayed"], &["leave", "leaving", "left", "quit", "quitting"]), (&["open", "opening"], &["close", "closing", "shut"]),
    (&["energised", "energized", "energetic", "energising", "energizing", "rested"], &["tired", "exhausted", "drained", "draining", "fatigued", "worn"]),
    (&["grateful", "thankful", "gratitude", "appreciate"], &["resentful", "ungrateful", "resent", "resentment", "bitter"]),
    (&["hope", "hopeful", "optimistic"], &["hopeless", "despair", "pessimistic"]), (&["confident", "confidence"], &["insecure", "insecurity", "doubt", "doubts"]),
    (&["accept", "accepted", "accepting", "yes"], &["refuse", "refused", "reject", "rejected", "decline", "declined"]), (&["agree", "agreed"], &["disagree", "disagreed"]),
    (&["asleep", "sleep", "sleeping"], &["awake", "wake", "waking"]), (&["earlier", "early"], &["later", "late"]), (&["faster", "fast", "quicker"], &["slower", "slow"]),
    (&["arrive", "arriving", "arrival"], &["depart", "leave", "departure", "leaving"]), (&["give", "giving", "gave"], &["receive", "receiving", "received"]),
    (&["alone", "solo"], &["together"]), (&["same", "similar", "alike"], &["different", "unlike"]), (&["inside", "indoors"], &["outside", "outdoors"]),
    (&["rich", "richer"], &["poor", "poorer", "broke"]), (&["healthy", "healthier"], &["unhealthy", "sick", "ill"]), (&["success"], &["mistake", "mistakes"]),
    (&["beginning"], &["end", "ending"]), (&["add", "adding"], &["remove", "removing", "delete"]), (&["hot", "warm"], &["cold"]), (&["correct"], &["wrong", "incorrect"]),
    (&["trust", "trusted"], &["distrust", "mistrust", "suspect"]), (&["laugh", "laughed", "laughing"], &["cry", "cried", "crying"]), (&["birth", "born"], &["death", "died", "dying"]),
    (&["loud", "noisy"], &["quiet", "silent", "silence"]), (&["busy"], &["idle", "free", "bored"]), (&["wins", "achievements", "accomplishments"], &["regrets", "regret", "mistakes"]),
    (&["looking forward", "excited", "excitement"], &["dread", "dreading", "worried", "afraid", "scared"]), (&["closer", "close"], &["distant", "apart", "further"]), (&["closer", "near"], &["away", "further"]),
    (&["lonely", "isolated"], &["connected", "supported"]), (&["motivated", "motivation"], &["unmotivated", "lazy", "demotivated"]), (&["detailed", "long"], &["short", "brief"]), (&["helped", "help", "helps"], &["hurt", "hurts", "harmed", "hindered"]),
];

/// Words that mean the same in what people ask of a journal, so that one may stand for the other.
#[rustfmt::skip]
pub(super) const SYNONYMS: &[&[&str]] = &[
    &["start", "begin", "starting", "beginning", "started", "began", "commence"], &["finish", "complete", "end", "conclude", "finishing", "completing"],
    &["continue", "proceed", "continuing", "keep"], &["topic", "subject", "theme", "topics", "subjects", "themes"], &["idea", "suggestion", "ideas", "suggestions"],
    &["journal", "diary"], &["entry", "note", "page", "entries", "notes", "pages"], &["wins", "successes", "achievements", "accomplishments", "triumphs"],
    &["big", "large", "huge"], &["small", "little", "tiny"], &["buy", "purchase", "buying", "bought"], &["find", "locate", "search", "look"],
    &["write", "pen", "writing"], &["improve", "improving", "better"], &["begin", "start"], &["speak", "talk", "speaking", "talking"], &["child", "kid", "children", "kids"],
    &["job", "work", "employment"], &["home", "house"], &["trip", "journey", "travel"], &["holiday", "vacation", "holidays"], &["movie", "film"],
    &["angry", "mad", "furious"], &["happy", "glad", "joyful"], &["sad", "unhappy", "low", "down"], &["anxious", "nervous", "worried"], &["afraid", "scared", "frightened"],
    &["tired", "exhausted", "weary"], &["grateful", "thankful", "gratitude", "thankfulness"], &["rest", "relax", "resting", "relaxing"], &["evening", "night"],
    &["quarrel", "argument", "fight", "row", "quarrels", "arguments", "fights"], &["illness", "sickness"], &["ill", "sick", "unwell", "poorly"], &["doctor", "gp", "physician"],
    &["choose", "pick", "decide", "choosing", "picking", "deciding"], &["choice", "decision"], &["reflect", "ponder", "reflecting"], &["brief", "short"],
    &["often", "frequently"], &["main", "key", "chief", "principal"], &["lesson", "takeaway", "lessons", "takeaways", "learnings"], &["stressed", "overwhelmed"],
    &["exercise", "workout"], &["meal", "dinner", "supper"], &["money", "cash"], &["dream", "dreams"], &["goal", "aim", "goals", "aims"], &["habit", "routine", "habits", "routines"],
    &["autumn", "fall"], &["film", "movie"], &["describe", "depict"], &["explain", "clarify"], &["mention", "mentioned", "mentions"], &["quit", "stop", "quitting", "stopping"],
];

/// People by what they are to the writer; every word of a line means the same person.
#[rustfmt::skip]
pub(super) const PEOPLE: &[&[&str]] = &[
    &["mother", "mum", "mom", "mama", "mummy", "mommy", "mam"], &["father", "dad", "papa", "daddy"], &["parents", "folks", "parent"],
    &["sister", "sis", "sisters"], &["brother", "brothers"], &["siblings", "sibling"], &["wife"], &["husband", "hubby"],
    &["partner", "spouse", "significant"], &["boyfriend", "bf"], &["girlfriend", "gf"], &["ex"], &["son", "sons"], &["daughter", "daughters"],
    &["child", "children", "kid", "kids"], &["baby", "toddler", "newborn"], &["grandmother", "grandma", "gran", "nana", "granny", "nan"],
    &["grandfather", "grandpa", "grandad", "granddad"], &["grandparents"], &["aunt", "auntie", "aunty"], &["uncle"], &["cousin", "cousins"],
    &["nephew"], &["niece"], &["friend", "friends", "bestie"], &["family", "relatives"],
    &["boss", "manager", "supervisor"], &["colleague", "colleagues", "coworker", "coworkers", "workmate", "workmates"], &["team"], &["client", "clients", "customer", "customers"],
    &["neighbour", "neighbor", "neighbours", "neighbors"], &["teacher", "professor", "tutor"], &["therapist", "counsellor", "counselor", "psychologist"], &["doctor", "gp", "physician"],
    &["dentist"], &["nurse"], &["coach", "trainer"], &["roommate", "flatmate", "housemate", "roommates", "flatmates", "housemates", "roomie"], &["landlord"], &["dog", "puppy", "pup", "doggo"], &["cat", "kitten", "kitty"],
    &["stranger", "strangers"], &["crush"], &["date"], &["stepmother", "stepmum", "stepmom"], &["stepfather", "stepdad"], &["employee", "employees"], &["student", "students", "pupils"], &["fiance", "fiancee"], &["classmate", "classmates"], &["twin"], &["horse"], &["rabbit"], &["priest", "pastor", "imam", "rabbi"],
];

/// First names that are no other word, so that they are known in lower case too. Any other name is known by its capital.
#[rustfmt::skip]
pub(super) const NAMES: &[&str] = &[
    "adam", "ahmed", "aisha", "alex", "alice", "amir", "amy", "ana", "andre", "andrea", "andrew", "anna", "anton", "ben", "carla", "carlos", "chloe", "chris",
    "clara", "daniel", "dave", "david", "diego", "elena", "eli", "emily", "emma", "eva", "fatima", "felix", "hannah", "ines", "isla", "ivan", "jack", "jake",
    "james", "jana", "jane", "jess", "john", "jonah", "jonas", "jose", "josh", "julia", "kai", "karen", "kate", "lara", "laura", "lena", "leo", "leon", "liam",
    "lily", "lisa", "liz", "luca", "lucas", "lucy", "luis", "maria", "marco", "marta", "mary", "matt", "maya", "mia", "mike", "mila", "mohammed", "mona", "nadia", "nadine",
    "nina", "noah", "nora", "oliver", "olivia", "omar", "oscar", "paul", "pedro", "peter", "priya", "rachel", "rahul", "ravi", "rosa", "ruth", "ryan", "sam",
    "samira", "sara", "sarah", "simon", "sofia", "sophie", "steve", "susan", "theo", "thomas", "tim", "tina", "tom", "tomas", "vera", "yuki", "yusuf", "zara", "zoe",
    "berlin", "bern", "london", "lisbon", "madrid", "munich", "paris", "prague", "rome", "tokyo", "vienna", "zurich", "spain", "italy", "france", "germany", "japan",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_for_the_binary_search() {
        assert!(
            FUNCTION.is_sorted(),
            "{:?}",
            FUNCTION.windows(2).find(|w| w[0] > w[1])
        );
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for group in [
            &["sleep", "sleeps", "sleeping", "slept"][..],
            &["worry", "worries", "worried", "worrying"],
            &["plan", "plans", "planned", "planning"],
            &["argue", "argues", "argued", "arguing"],
            &["write", "wrote", "writing", "written"],
            &["feel", "felt", "feeling", "feels"],
            &["entry", "entries"],
            &["lose", "lost", "losing"],
        ] {
            let stems: Vec<String> = group.iter().map(|w| stem(w)).collect();
            assert!(stems.iter().all(|s| *s == stems[0]), "{group:?}: {stems:?}");
        }
        assert_ne!(stem("boss"), stem("bo"));
    }
}
