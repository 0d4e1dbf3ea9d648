/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"
#include "text.h"

static void put(struct json *json, char c)
{
    if (json->length + 1 >= json->capacity) {
        json->overflow = true;
        return;
    }
    json->text[json->length++] = c;
    json->text[json->length] = '\0';
}

static void put_text(struct json *json, const char *text)
{
    while (*text)
        put(json, *text++);
}

static void put_byte(struct json *json, unsigned char byte)
{
    char escape[6] = {'\\', 'u', '0', '0'};

    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' && byte != '@') {
        put(json, (char)byte);
        return;
    }
    hex_write(escape + 4, byte, 2);
    for (size_t i = 0; i < sizeof escape; i++)
        put(json, escape[i]);
}

static void item(struct json *json, const char *key)
{
    if (!json->first)
        put(json, ',');
    json->first = false;
    if (!key)
        return;
    put(json, '"');
    put_text(json, key);
    put_text(json, "\":");
}

void json_start(struct json *json, char *buffer, size_t capacity)
{
    *json = (struct json){.text = buffer, .capacity = capacity, .first = true};
    buffer[0] = '\0';
}

void json_object(struct json *json, const char *key)
{
    item(json, key);
    put(json, '{');
    json->first = true;
}

void json_object_end(struct json *json)
{
    put(json, '}');
    json->first = false;
}

void json_array(struct json *json, const char *key)
{
    item(json, key);
    put(json, '[');
    json->first = true;
}

void json_array_end(struct json *json)
{
    put(json, ']');
    json->first = false;
}

void json_number(struct json *json, const char *key, uint64_t value)
{
    char digits[21];
    char *at = digits + sizeof digits;

    *--at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    item(json, key);
    put_text(json, at);
}

void json_hex(struct json *json, const char *key, uint64_t value)
{
    char digits[17];
    unsigned count = 1;

    while (count < 16 && value >> (4 * count))
        count++;
    hex_write(digits, value, count);
    digits[count] = '\0';
    item(json, key);
    put_text(json, "\"0x");
    put_text(json, digits);
    put(json, '"');
}

void json_string(struct json *json, const char *key, const char *text)
{
    json_name(json, key, text, text_length(text));
}

void json_name(struct json *json, const char *key, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;

    item(json, key);
    put(json, '"');
    while (length--)
        put_byte(json, *byte++);
    put(json, '"');
}

void json_bytes(struct json *json, const char *key, const volatile void *bytes, size_t length)
{
    const volatile unsigned char *byte = bytes;
    char digits[3] = {0};

    item(json, key);
    put(json, '"');
    while (length--) {
        hex_write(digits, *byte++, 2);
        put_text(json, digits);
    }
    put(json, '"');
}

void json_bool(struct json *json, const char *key, bool value)
{
    item(json, key);
    put_text(json, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
    item(json, key);
    put_text(json, "null");
}

void json_text_or_null(struct json *json, const char *key, const char *text)
{
    if (text)
        json_string(json, key, text);
    else
        json_null(json, key);
}
