/* Names of language, embedding, speech and image models, as keys hold them. */
#ifndef LK_TEXT_MODELS_H
#define LK_TEXT_MODELS_H

#include <stdint.h>

/* The length of the model's name that begins at text[from], where a word begins: `gpt-4o-mini`,
 * `claude-3-5-sonnet-20240620`, `meta-llama/Llama-3-8b-instruct`. 0 if there is none. A family's
 * bare name (`phi`, `falcon`) is a word like any other: it takes a size, a version or a variant. */
uint32_t lk_model_name(const char *text, uint32_t bytes, uint32_t from);

#endif
