/* A simulated ATmega328P with the lamp's firmware, for the tests: simavr, on a lead.
 *
 *     chip FIRMWARE.elf [PORT BOOT]
 *
 * Without PORT the wire to the chip is this program's own, and time passes when it is told to.
 * PORT is a link to be made to a pseudo-terminal; whoever opens it starts the chip anew, as with
 * an Arduino, and it hears nothing for BOOT milliseconds.
 *
 * Commands, a line each, and all are answered by "now TIME" when they are done:
 *     say HEX    bytes for the chip, as fast as the wire carries them
 *     spoil HEX  the same, without the stop bits that belong there
 *     wait MS    let so much time pass, as fast as can be
 *     pace       let time pass as it does for people, until the next command
 *     stop       nothing, which ends pace
 *     hang       let the program run into an endless loop
 *     unplug     take its power away, and give it back
 * What happens is told as it happens, TIME being in cycles of the chip:
 *     pin TIME NUMBER LEVEL    an Arduino pin is driven high, or is not any more
 *     heard TIME HEX           a byte from the chip
 *     time TIME                the time, ten times a second while it is paced
 *     opened TIME              somebody opened PORT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include <avr_ioport.h>
#include <avr_uart.h>
#include <sim_avr.h>
#include <sim_elf.h>

#define HZ 16000000u
#define MILLISECOND (HZ / 1000)
#define BAUD 38400u
#define BYTE_TIME (HZ / BAUD * 10)
#define QUEUE 65536u
#define PINS 14

/* Where PORTD and PORTB are in the chip's memory: D0 to D7, and D8 to D13. */
enum { DDRB = 0x24, PORTB = 0x25, DDRD = 0x2a, PORTD = 0x2b };

static avr_t *avr;
static uint64_t skipped; /* cycles in which the chip was held in reset */
static uint16_t queue[QUEUE];
static unsigned queue_head, queue_tail;
static uint64_t next_byte;
static int master = -1;
static unsigned boot_time; /* milliseconds */
static unsigned booting;   /* milliseconds that are left of it */
static int is_open;
static int opened = -1; /* tells of every opening */
static uint16_t shown;

static uint64_t now(void)
{
    return avr->cycle + skipped;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Pins. */

static void look_at_pins(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq, (void)value, (void)param;
    uint16_t high = (uint16_t)(avr->data[PORTD] & avr->data[DDRD])
                    | (uint16_t)((avr->data[PORTB] & avr->data[DDRB] & 0x3f) << 8);
    for (int pin = 0; pin < PINS; pin++)
        if ((high ^ shown) >> pin & 1)
            printf("pin %llu %d %d\n", (unsigned long long)now(), pin, high >> pin & 1);
    shown = high;
}

/* The wire. */

static void on_byte(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq, (void)param;
    uint8_t byte = (uint8_t)value;
    printf("heard %llu %02x\n", (unsigned long long)now(), byte);
    if (is_open && write(master, &byte, 1) < 0 && errno != EAGAIN && errno != EIO)
        fail("port");
}

static void enqueue(uint16_t byte)
{
    queue[queue_head] = byte;
    queue_head = (queue_head + 1) % QUEUE;
    if (queue_head == queue_tail) {
        fputs("chip: too much was said at once\n", stderr);
        exit(1);
    }
}

static void deliver(void)
{
    if (queue_head == queue_tail || avr->cycle < next_byte)
        return;
    next_byte = avr->cycle + BYTE_TIME;
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT), queue[queue_tail]);
    queue_tail = (queue_tail + 1) % QUEUE;
}

static void restart(void)
{
    avr_reset(avr);
    memset(avr->data + DDRB, 0, PORTD + 1 - DDRB);
    queue_tail = queue_head;
    next_byte = 0;
    look_at_pins(NULL, 0, NULL);
}

static void look_at_port(void)
{
    if (master < 0)
        return;
    struct inotify_event event;
    while (read(opened, &event, sizeof event) == sizeof event) {
        printf("opened %llu\n", (unsigned long long)now());
        restart();
        booting = boot_time;
    }
    struct pollfd state = {.fd = master, .events = POLLIN};
    poll(&state, 1, 0);
    is_open = !(state.revents & POLLHUP);
    uint8_t bytes[4096];
    ssize_t got = state.revents & POLLIN ? read(master, bytes, sizeof bytes) : 0;
    for (ssize_t at = 0; at < got && !booting; at++)
        enqueue(bytes[at]);
}

static void make_port(const char *link)
{
    int slave;
    char name[256], fresh[4096];
    struct termios raw;
    if (openpty(&master, &slave, name, NULL, NULL) < 0 || tcgetattr(slave, &raw) < 0)
        fail("openpty");
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    close(slave); /* So that it can be seen whether anybody holds it. */
    opened = inotify_init1(IN_NONBLOCK);
    if (opened < 0 || inotify_add_watch(opened, name, IN_OPEN) < 0)
        fail("inotify");
    fcntl(master, F_SETFL, O_NONBLOCK);
    snprintf(fresh, sizeof fresh, "%s.fresh", link);
    if (symlink(name, fresh) < 0 || rename(fresh, link) < 0)
        fail(link);
}

/* Time. */

static void no_sleep(avr_t *chip, avr_cycle_count_t cycles)
{
    (void)chip, (void)cycles;
}

static void pass_millisecond(void)
{
    look_at_port();
    if (booting > 0) {
        booting--;
        skipped += MILLISECOND;
        return;
    }
    for (uint64_t end = avr->cycle + MILLISECOND; avr->cycle < end;) {
        deliver();
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed) {
            fputs("chip: the program crashed\n", stderr);
            exit(1);
        }
    }
}

static uint64_t wall(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int asked(int timeout)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    return poll(&input, 1, timeout) > 0;
}

static void pace(void)
{
    unsigned passed = 0;
    for (uint64_t next = wall(); !asked(0); next += 1000000u) {
        pass_millisecond();
        if (++passed % 100 == 0)
            printf("time %llu\n", (unsigned long long)now());
        fflush(stdout);
        uint64_t late = wall();
        if (late < next)
            usleep((useconds_t)((next - late) / 1000));
        else if (late > next + 100000000u) /* The machine is busy: no hurry afterwards. */
            next = late;
    }
}

/* Commands. */

static void hang(void)
{
    for (uint32_t at = 0; at + 1 < avr->flashend; at += 2)
        if (avr->flash[at] == 0xff && avr->flash[at + 1] == 0xcf) { /* rjmp to itself */
            avr->pc = at;
            return;
        }
    fputs("chip: the program has no endless loop\n", stderr);
    exit(1);
}

static void say(const char *hex, uint16_t flags)
{
    unsigned byte;
    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        enqueue((uint16_t)(byte | flags));
}

static void obey(char *line)
{
    char *rest = line + strcspn(line, " \n");
    if (*rest)
        *rest++ = '\0';
    if (!strcmp(line, "say"))
        say(rest, 0);
    else if (!strcmp(line, "spoil"))
        say(rest, UART_INPUT_FE);
    else if (!strcmp(line, "wait"))
        for (unsigned long left = strtoul(rest, NULL, 10); left > 0; left--)
            pass_millisecond();
    else if (!strcmp(line, "pace"))
        pace();
    else if (!strcmp(line, "hang"))
        hang();
    else if (!strcmp(line, "stop"))
        ;
    else if (!strcmp(line, "unplug"))
        restart();
    else
        fprintf(stderr, "chip: no such command: %s\n", line);
    printf("now %llu\n", (unsigned long long)now());
    fflush(stdout);
}

int main(int count, char **arguments)
{
    static elf_firmware_t firmware;
    static char line[2 * QUEUE];
    if (count != 2 && count != 4)
        return 2;
    if (elf_read_firmware(arguments[1], &firmware) != 0 || !(avr = avr_make_mcu_by_name("atmega328p")))
        return 1;
    avr_init(avr);
    avr->log = LOG_ERROR;
    firmware.frequency = HZ;
    avr_load_firmware(avr, &firmware);
    avr->frequency = HZ;
    avr->sleep = no_sleep;
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_byte, NULL);
    static const uint32_t ports[] = {AVR_IOCTL_IOPORT_GETIRQ('B'), AVR_IOCTL_IOPORT_GETIRQ('D')};
    static const int registers[] = {IOPORT_IRQ_REG_PORT, IOPORT_IRQ_DIRECTION_ALL};
    for (int port = 0; port < 2; port++)
        for (int each = 0; each < 2; each++)
            avr_irq_register_notify(
                avr_io_getirq(avr, ports[port], registers[each]), look_at_pins, NULL);
    if (count == 4) {
        boot_time = (unsigned)atoi(arguments[3]);
        make_port(arguments[2]);
    }
    setvbuf(stdin, NULL, _IONBF, 0); /* What is buffered would not be seen by poll. */
    while (fgets(line, sizeof line, stdin))
        obey(line);
    return 0;
}
