//! Sums: everything that is only added up.

use crate::names::closed_set;

closed_set! {
    /// A sum that is kept. The set is closed: no text can become the name of one.
    Count {
        Processes = "processes", "Processes that measured something";
        Replies = "inference.replies", "Replies and scorings of a language model";
        TokensRead = "inference.tokens_read", "Tokens of prompts that were read";
        TokensReused = "inference.tokens_reused", "Tokens of prompts that were known from before";
        TokensWritten = "inference.tokens_written", "Tokens written";
        EncoderTexts = "encoder.texts", "Texts that went through the encoder";
        EncoderMicros = "encoder.micros", "Microseconds that the encoder worked";
        EntriesSaved = "entries.saved", "Entries written one by one";
        SessionEntries = "session.entries", "Entries saved and analysed one by one";
        SessionMicros = "session.micros", "Microseconds from text to analysis of those";
        EntriesImported = "entries.imported", "Entries brought in";
        ImportMicros = "import.micros", "Microseconds that bringing in took";
        BatchEntries = "batch.entries", "Entries analysed many at a time";
        BatchMicros = "batch.micros", "Microseconds that those took";
        LookedUp = "cache.looked_up", "Requests for which the semantic cache was asked";
        HitExact = "cache.hit_exact", "Served: the same request in other letters";
        HitSemantic = "cache.hit_semantic", "Served: another wording of it";
        HitShipped = "cache.hit_shipped", "Served: a question shipped with the program";
        HitJoined = "cache.hit_joined", "Served: an equal request was being computed";
        Missed = "cache.missed", "Computed";
        CacheSavedMicros = "cache.saved_micros", "Microseconds that hits saved: the mean of computing their kind of request, less the hit";
        Bypassed = "cache.bypassed", "Not looked up";
        RefusedNegation = "cache.refused_negation", "Candidates refused for a negation or opposites";
        RefusedNumbers = "cache.refused_numbers", "Candidates refused for other numbers";
        RefusedDates = "cache.refused_dates", "Candidates refused for other dates or another tense";
        RefusedPeople = "cache.refused_people", "Candidates refused for other people";
        RefusedRoles = "cache.refused_roles", "Candidates refused for exchanged roles";
        RefusedModality = "cache.refused_modality", "Candidates refused because one is a wish and the other is not";
        RefusedQuestion = "cache.refused_question", "Candidates refused for another kind of question";
        RefusedLanguage = "cache.refused_language", "Candidates refused for being in another language than English";
        RefusedScope = "cache.refused_scope", "Candidates refused for asking of more or less";
        RefusedWording = "cache.refused_wording", "Candidates refused for one word in place of another";
        RefusedSimilarity = "cache.refused_similarity", "Candidates that were not alike enough";
        RefusedDoubt = "cache.refused_doubt", "Candidates with too many doubts";
        RefusedJudge = "cache.refused_judge", "Candidates that the judge refused";
        RefusedVerdict = "cache.refused_verdict", "Candidates refused because somebody said that they do not serve";
        RefusedNotJudged = "cache.refused_not_judged", "Candidates that were not among the best, which the judge reads";
        RefusedOther = "cache.refused_other", "Candidates refused for anything else";
        DiskRead = "disk.read_bytes", "Bytes that the disk was read for";
        DiskWritten = "disk.written_bytes", "Bytes that were handed to the disk";
        EnergyMicrojoules = "energy.microjoules", "Energy of the processor package while Companion ran";
        EnergyMicros = "energy.micros", "Microseconds in which that energy was read";
    }
}
