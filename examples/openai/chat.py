"""A role through the public OpenAI client: pip install openai, then run beside `make run`.

python3 examples/openai/chat.py [BASE_URL] [ROLE] [QUESTION]
"""

import sys

from openai import OpenAI

base_url, role, question = (
    sys.argv[1:] + ["http://127.0.0.1:8420/v1", "zhanguoce_scholar", "我该不该换一份差事？"][len(sys.argv) - 1 :]
)
client = OpenAI(base_url=base_url, api_key="unused")
print("roles:", ", ".join(model.id for model in client.models.list()))
stream = client.chat.completions.create(
    model=role, messages=[{"role": "user", "content": question}], stream=True
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
