//! The stream as a whole, with a stand-in for the model.

use super::*;

#[derive(Serialize)]
struct Length {
    length: usize,
}

/// `run` over stdout cannot be captured in a test of one process; the commands' own tests in
/// `tests/` do that. Here the reading side is checked: order, numbers, bounds.
fn records(input: &'static [u8]) -> Vec<Record> {
    let queue = Queue::new(1 << 10);
    std::thread::scope(|scope| {
        scope.spawn(|| read_all(input, &queue));
        let mut all = Vec::new();
        while let Some(window) = queue.pop(2, 1 << 10) {
            assert!(window.len() <= 2);
            all.extend(window);
        }
        all
    })
}

#[test]
fn lines_arrive_in_order_with_their_numbers() {
    let records =
        records(b"{\"text\":\"a\"}\nbad\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n{\"text\":\"d\"}");
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.line, record.text.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(seen, [(1, "a"), (2, "-"), (3, "b"), (4, "c"), (5, "d")]);
}

#[test]
fn answer_carries_the_result_then_the_input() {
    let record = Record::parse(br#"{"id":"x","text":"abc"}"#, 1);
    let answer = Answer {
        result: &Length { length: 3 },
        input: &record.fields,
    };
    assert_eq!(
        serde_json::to_string(&answer).unwrap(),
        r#"{"length":3,"input":{"id":"x"}}"#
    );
}
