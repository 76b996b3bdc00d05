//! Images and documents travel with what the user says, and are part of what was asked.

use serde_json::{Value, json};

use crate::endpoint::Answer;
use crate::endpoint::{Answers, Behaviour, Endpoint};
use crate::project::Project;
use crate::summary::outcomes;

#[test]
fn an_image_of_a_case_travels_and_another_image_is_another_question() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|_| Answer::text("word 1")),
        ..Behaviour::default()
    });
    let row = json!({"id": "w-1", "word": "What is it?", "photo": "golden/cat.png", "expected": "word 1"});
    let project = Project::new()
        .workspace(&endpoint.url())
        .file(
            "prompts/repeat/v1.md",
            "---\ninputs: [word, photo]\nimages: [\"{{ photo }}\"]\n---\nuser:\n{{ word }}\n",
        )
        .file("golden/cat.png", "cat")
        .file("golden/words.jsonl", &format!("{row}\n"));
    let summary = project.run(&["run", "--json"]).expect_code(0).json();
    assert_eq!(outcomes(&summary)["ok"], 1);
    let body: Value = serde_json::from_str(&endpoint.requests()[0].body).unwrap();
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,Y2F0"}}
        ])
    );
    project.run(&["run", "--reuse"]).expect_code(0);
    assert_eq!(endpoint.calls(), 1);
    project.write("golden/cat.png", "dog");
    project.run(&["run", "--reuse"]).expect_code(0);
    assert_eq!(endpoint.calls(), 2);
}
