#include "light.h"

#include <string.h>

#ifdef __AVR__
#include <util/crc16.h>
#else /* The same in plain C, so that it can be tried on any computer. */
static uint16_t _crc_xmodem_update(uint16_t crc, uint8_t byte)
{
    crc ^= (uint16_t)(byte << 8);
    for (uint8_t bit = 0; bit < 8; bit++)
        crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
    return crc;
}
#endif

#define USUAL_TTL        30u /* seconds */
#define SHORTEST_TTL      2u
#define LONGEST_TTL     300u
#define SHORTEST_TIME   167u /* milliseconds: twice that is three flashes a second, and no more */
#define LONGEST_TIME  60000u
#define SHORTEST_BREATH 1000u
#define BREATH_STEPS     40u

static const char OK[] = "OK";
static const char READY[] = "READY buildlight 1 channels=red,amber,green,buzzer ttl=30 line=120"
                            " firmware=1.0.0 board=avr";
static const char BAD_BYTE[] = "ERR text";
static const char TOO_LONG[] = "ERR long";
static const char BAD_SUM[] = "ERR checksum";
static const char NO_COMMAND[] = "ERR command";
static const char BAD_VALUE[] = "ERR value";

static const char *const NAMES[CHANNELS] = {"red", "amber", "green", "buzzer"};

/* "Nobody knows", as buildlight shows it too. Never green, whatever was shown before. */
static const struct stroke LOST[CHANNELS] = {
    [AMBER] = {.level = 100, .count = 4, .times = {200, 200, 200, 1400}},
};
static const struct stroke DARK[CHANNELS];

/* Half a breath, from faint to full, in per cent. */
static const uint8_t BREATH[BREATH_STEPS / 2 + 1] = {
    5, 6, 7, 10, 14, 19, 25, 31, 38, 45, 52, 60, 67, 74, 80, 86, 91, 95, 98, 99, 100,
};

static void show(struct light *light, const struct stroke *strokes)
{
    memcpy(light->strokes, strokes, sizeof light->strokes);
    memset(light->steps, 0, sizeof light->steps);
    memset(light->passed, 0, sizeof light->passed);
}

static void lose_host(struct light *light)
{
    light->patience = 0;
    show(light, LOST);
}

void light_begin(struct light *light)
{
    memset(light, 0, sizeof *light);
    lose_host(light);
}

const char *light_ready(void)
{
    return READY;
}

/* Time. */

static void advance(struct light *light, enum channel channel)
{
    const struct stroke *stroke = &light->strokes[channel];
    if (stroke->count == 0)
        return;
    uint8_t step = light->steps[channel];
    if (++light->passed[channel] < stroke->times[step])
        return;
    light->passed[channel] = 0;
    light->steps[channel] = step + 1 < stroke->count ? step + 1 : 0;
}

void light_tick(struct light *light)
{
    for (uint8_t channel = 0; channel < CHANNELS; channel++)
        advance(light, channel);
    if (light->patience > 0 && --light->patience == 0)
        lose_host(light);
}

static uint8_t breath(uint16_t passed, uint16_t period)
{
    uint8_t step = (uint8_t)((uint32_t)passed * BREATH_STEPS / period) + 1;
    return BREATH[step <= BREATH_STEPS / 2 ? step : BREATH_STEPS - step];
}

uint8_t light_level(const struct light *light, enum channel channel)
{
    const struct stroke *stroke = &light->strokes[channel];
    if (channel == BUZZER) /* It makes its own tone, and none at half its power. */
        return stroke->level > 0 && light->steps[channel] % 2 == 0 ? 100 : 0;
    if (stroke->count == 1) /* Rounded up: what breathes is never dark. */
        return (uint8_t)((stroke->level * breath(light->passed[channel], stroke->times[0]) + 99u) / 100u);
    return light->steps[channel] % 2 == 0 ? stroke->level : 0;
}

/* Words. */

/* Read a number from *text* on, which then stands behind it. */
static bool number(const char **text, uint16_t least, uint16_t most, uint16_t *found)
{
    uint32_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9' && at - *text < 6; at++)
        value = value * 10 + (uint32_t)(*at - '0');
    bool good = at > *text && value >= least && value <= most;
    *found = (uint16_t)value;
    *text = at;
    return good;
}

/* LEVEL, LEVEL~BREATH or LEVEL/ON,OFF,ON,OFF… */
static bool read_stroke(const char *text, struct stroke *stroke)
{
    uint16_t value;
    memset(stroke, 0, sizeof *stroke);
    if (!number(&text, 0, 100, &value))
        return false;
    stroke->level = (uint8_t)value;
    if (*text == '~') {
        text++;
        stroke->count = 1;
        return number(&text, SHORTEST_BREATH, LONGEST_TIME, &stroke->times[0]) && !*text;
    }
    for (char mark = '/'; *text == mark; mark = ',') {
        text++;
        if (stroke->count == MOST_TIMES)
            return false;
        if (!number(&text, SHORTEST_TIME, LONGEST_TIME, &stroke->times[stroke->count++]))
            return false;
    }
    return !*text && stroke->count % 2 == 0;
}

/* Cut the next word off *rest*; NULL: there is none. */
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    char *end = word + strcspn(word, " ");
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return *word ? word : NULL;
}

static bool read_pair(char *word, struct stroke *strokes, uint16_t *ttl)
{
    char *mark = strchr(word, '=');
    if (mark == NULL || mark == word)
        return false;
    *mark = '\0';
    const char *value = mark + 1;
    if (strcmp(word, "ttl") == 0)
        return number(&value, SHORTEST_TTL, LONGEST_TTL, ttl) && !*value;
    for (uint8_t channel = 0; channel < CHANNELS; channel++)
        if (strcmp(word, NAMES[channel]) == 0)
            return read_stroke(value, &strokes[channel]);
    return true; /* An unknown key: of a newer protocol, or of a richer light. */
}

static const char *set(struct light *light, char *rest)
{
    struct stroke wanted[CHANNELS];
    uint16_t ttl = USUAL_TTL;
    memset(wanted, 0, sizeof wanted);
    for (char *word; (word = next_word(&rest)) != NULL;)
        if (!read_pair(word, wanted, &ttl))
            return BAD_VALUE;
    /* The same once more is the host's sign of life: its rhythm goes on. */
    if (memcmp(wanted, light->strokes, sizeof wanted) != 0)
        show(light, wanted);
    light->patience = ttl * 1000uL;
    return OK;
}

static const char *bye(struct light *light)
{
    light->patience = 0;
    show(light, DARK);
    return OK;
}

/* Lines. */

static int8_t digit(char mark)
{
    if (mark >= '0' && mark <= '9')
        return (int8_t)(mark - '0');
    return mark >= 'A' && mark <= 'F' ? (int8_t)(mark - 'A' + 10) : -1;
}

/* Whether *text* is four hexadecimal digits that write *sum*. */
static bool writes(const char *text, uint16_t sum)
{
    for (int8_t shift = 12; shift >= 0; shift -= 4, text++)
        if (digit(*text) != (int8_t)(sum >> shift & 0xF))
            return false;
    return !*text;
}

/* Take the checksum off the line; return whether it is right, or none is wanted.
 *
 * Who has sent one sends it always, so that no half of a line is taken for a whole one. HELLO
 * without one is a person who types. */
static bool checked(struct light *light)
{
    char *line = light->line;
    char *mark = strchr(line, '*');
    if (mark == NULL) {
        if (strcmp(line, "HELLO") == 0)
            light->strict = false;
        return !light->strict;
    }
    uint16_t sum = 0;
    for (const char *at = line; at < mark; at++)
        sum = _crc_xmodem_update(sum, (uint8_t)*at);
    *mark = '\0';
    if (!writes(mark + 1, sum))
        return false;
    light->strict = true;
    return true;
}

static const char *obey(struct light *light)
{
    char *rest = light->line;
    if (!checked(light))
        return BAD_SUM;
    const char *command = next_word(&rest);
    if (command == NULL)
        return NO_COMMAND;
    if (strcmp(command, "SET") == 0)
        return set(light, rest);
    if (strcmp(command, "HELLO") == 0)
        return READY;
    return strcmp(command, "BYE") == 0 ? bye(light) : NO_COMMAND;
}

static void take(struct light *light, uint8_t byte)
{
    if (light->fault != NULL)
        return;
    if (byte < ' ' || byte > '~')
        light->fault = BAD_BYTE;
    else if (light->length == LONGEST_LINE)
        light->fault = TOO_LONG;
    else
        light->line[light->length++] = (char)byte;
}

const char *light_hear(struct light *light, uint8_t byte)
{
    if (byte == '\r')
        return NULL;
    if (byte != '\n') {
        take(light, byte);
        return NULL;
    }
    light->line[light->length] = '\0';
    const char *answer = light->fault;
    if (answer == NULL && light->length > 0)
        answer = obey(light);
    light->length = 0;
    light->fault = NULL;
    return answer;
}
