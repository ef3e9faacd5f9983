"""Prints schemas of pydantic models, with messages: one JSON object a line, {"name", "schema", "examples"}."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AnyUrl, BaseModel, ConfigDict, EmailStr, Field, IPvAnyAddress, conint, constr


class Color(str, Enum):
    red = "red"
    blue = "blue"


class Address(BaseModel):
    model_config = ConfigDict(extra="forbid")
    street: constr(min_length=1, max_length=80)
    zip: Annotated[str, Field(pattern=r"^\d{5}(-\d{4})?$")]
    country: Literal["DE", "US"] = "DE"


class Person(BaseModel):
    id: UUID
    name: str
    email: EmailStr | None = None
    born: date | None = None
    addresses: list[Address] = Field(default_factory=list, max_length=3)
    tags: set[str] = set()
    favourite: Color | None = None


class Node(BaseModel):
    """A tree."""

    value: Decimal
    left: "Node | None" = None
    right: "Node | None" = None


class Created(BaseModel):
    kind: Literal["created"]
    at: datetime
    by: Person


class Moved(BaseModel):
    kind: Literal["moved"]
    by: tuple[float, float]
    took: timedelta


class Visited(BaseModel):
    kind: Literal["visited"]
    url: AnyUrl
    source: IPvAnyAddress
    count: conint(ge=1, multiple_of=2)
    headers: dict[Annotated[str, Field(pattern="^x-")], str] = {}


class Event(BaseModel):
    event: Annotated[Created | Moved | Visited, Field(discriminator="kind")]


PERSON = Person(
    id=UUID("123e4567-e89b-12d3-a456-426614174000"),
    name="Ann",
    email="ann@b.example",
    born=date(2000, 2, 29),
    addresses=[Address(street="Main", zip="12345")],
    tags={"a"},
    favourite=Color.red,
)
EXAMPLES = {
    Person: [PERSON],
    Node: [Node(value=Decimal("1.5"), left=Node(value=Decimal(2), right=Node(value=Decimal(3))))],
    Event: [
        Event(event=Created(kind="created", at=datetime(2026, 1, 2, tzinfo=UTC), by=PERSON)),
        Event(event=Moved(kind="moved", by=(1, 2.5), took=timedelta(hours=1))),
        Event(event=Visited(kind="visited", url="https://a.example/b", source="::1", count=4, headers={"x-a": "b"})),
    ],
}

for model, examples in EXAMPLES.items():
    schema = model.model_json_schema(mode="validation")
    line = {"name": model.__name__, "schema": schema, "examples": [json.loads(e.model_dump_json()) for e in examples]}
    print(json.dumps(line))
