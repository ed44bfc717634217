"""How a client of the video API is tested, with `requests` as the client.

    pip install pytest-callsheet-mock requests
    pytest test_client.py
"""

import pytest
import requests
from pytest_callsheet_mock import MockError, World


def create(api: World, name: str) -> requests.Response:
    return requests.post(
        f"{api.url}/v1/videos/generations",
        headers={"Authorization": f"Bearer {api.key}"},
        json={"model": "omnihuman-1.5", "prompt": "Hello",
              "image_url": f"https://example.com/{name}.jpg",
              "audio_url": "https://example.com/hello.mp3"},
        timeout=5,
    )


def poll(api: World, task_id: str) -> dict:
    key = {"Authorization": f"Bearer {api.key}"}
    return requests.get(f"{api.url}/v1/tasks/{task_id}", headers=key, timeout=5).json()


def test_a_video_is_made_and_paid_for_once(callsheet_mock: World) -> None:
    task = create(callsheet_mock, "anna").json()["id"]
    callsheet_mock.task(task, "completed")
    done = poll(callsheet_mock, task)
    assert done["status"] == "completed"
    video = requests.get(done["results"][0]["url"], timeout=5)
    assert video.status_code == 200 and b"ftyp" in video.content[:12]
    assert callsheet_mock.verify("anna", fields={"prompt": "Hello"}, exactly=1) == 1
    assert callsheet_mock.book()["duplicates"] == []


def test_a_lost_answer_that_is_sent_again_is_paid_twice(callsheet_mock: World) -> None:
    callsheet_mock.scenario({"faults": [{"fault": "reset-after-accept", "first": 1}]})
    with pytest.raises(requests.ConnectionError):
        create(callsheet_mock, "anna")
    assert create(callsheet_mock, "anna").status_code == 200
    book = callsheet_mock.book()
    assert (book["creates"], len(book["duplicates"])) == (2, 1)


def test_each_test_has_a_world_of_its_own(callsheet_mock: World) -> None:
    assert callsheet_mock.book()["creates"] == 0
    callsheet_mock.scenario("broke")
    answers = [create(callsheet_mock, f"pair-{n}").status_code for n in range(4)]
    assert answers == [200, 200, 200, 402]


def test_a_task_fails_as_told_and_links_die(callsheet_mock: World) -> None:
    task = create(callsheet_mock, "ben").json()["id"]
    callsheet_mock.task(task, "failed", code="service_error")
    failed = poll(callsheet_mock, task)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "service_error")
    other = create(callsheet_mock, "anna").json()["id"]
    callsheet_mock.advance("1h")
    link = poll(callsheet_mock, other)["results"][0]["url"]
    callsheet_mock.advance("48h")
    assert requests.get(link, timeout=5).status_code == 403


def test_what_did_not_happen_is_told_with_what_came_closest(callsheet_mock: World) -> None:
    create(callsheet_mock, "anna")
    with pytest.raises(AssertionError, match="closest: .*fields|closest: .*prompt"):
        callsheet_mock.verify("anna", fields={"prompt": "Bye"})
    with pytest.raises(MockError, match="acept"):
        callsheet_mock.scenario({"acept": 1})
    assert requests.get(f"{callsheet_mock.url}/v2/nothing", timeout=5,
                        headers={"Authorization": f"Bearer {callsheet_mock.key}"}).status_code == 404
    assert callsheet_mock.unmatched()[0]["path"] == "/v2/nothing"
