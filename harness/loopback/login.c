/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into OpenSSH's server with account.c: the part of PAM that the server uses, for the one account of the board.
 *
 * With "UsePAM yes" and without PasswordAuthentication, a server asks for the password as a question
 * (keyboard-interactive). The machine's own PAM must neither be asked nor be needed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define PAM_SUCCESS 0
#define PAM_AUTH_ERR 7
#define PAM_CONV_ERR 19
#define PAM_BUF_ERR 5
#define PAM_ITEM_USER 2
#define PAM_ITEM_CONVERSATION 5
#define PAM_PROMPT_ECHO_OFF 1

struct pam_message {
    int style;
    const char *text;
};

struct pam_response {
    char *text;
    int code;
};

struct pam_conversation {
    int (*ask)(int count, const struct pam_message **messages, struct pam_response **answers, void *data);
    void *data;
};

typedef struct pam_handle {
    char *user;
    char *hash;
    const struct pam_conversation *conversation;
} pam_handle_t;

int pam_start(const char *service, const char *user, const struct pam_conversation *conversation,
              pam_handle_t **handle)
{
    (void)service;
    *handle = calloc(1, sizeof **handle);
    if (*handle == NULL)
        return PAM_BUF_ERR;
    (*handle)->user = strdup(user ? user : "");
    /* Now: the process that asks the question has no environment. */
    (*handle)->hash = strdup(getenv("BOARD_PASSWORD") ? getenv("BOARD_PASSWORD") : "*");
    (*handle)->conversation = conversation;
    return PAM_SUCCESS;
}

int pam_end(pam_handle_t *handle, int status)
{
    (void)status;
    free(handle->user);
    free(handle->hash);
    free(handle);
    return PAM_SUCCESS;
}

int pam_set_item(pam_handle_t *handle, int item, const void *value)
{
    if (item == PAM_ITEM_CONVERSATION)
        handle->conversation = value;
    return PAM_SUCCESS;
}

int pam_get_item(const pam_handle_t *handle, int item, const void **value)
{
    *value = item == PAM_ITEM_USER ? handle->user : NULL;
    return PAM_SUCCESS;
}

static int is_password(const char *text, const char *hash)
{
    /* The server's own; other programs that this is loaded into have none. */
    char *(*crypt)(const char *, const char *) = (char *(*)(const char *, const char *))dlsym(RTLD_DEFAULT, "crypt");
    const char *made = crypt ? crypt(text, hash) : NULL;
    return made && strcmp(made, hash) == 0;
}

int pam_authenticate(pam_handle_t *handle, int flags)
{
    const struct pam_message message = {PAM_PROMPT_ECHO_OFF, "Password: "};
    const struct pam_message *messages[] = {&message};
    struct pam_response *answers = NULL;
    int right;
    (void)flags;
    if (handle->conversation->ask(1, messages, &answers, handle->conversation->data) != PAM_SUCCESS || !answers)
        return PAM_CONV_ERR;
    right = answers[0].text && is_password(answers[0].text, handle->hash);
    free(answers[0].text);
    free(answers);
    return right ? PAM_SUCCESS : PAM_AUTH_ERR;
}

/* The rest allows everything and changes nothing. */

int pam_acct_mgmt(pam_handle_t *handle, int flags)
{
    (void)handle, (void)flags;
    return PAM_SUCCESS;
}

int pam_setcred(pam_handle_t *handle, int flags)
{
    (void)handle, (void)flags;
    return PAM_SUCCESS;
}

int pam_open_session(pam_handle_t *handle, int flags)
{
    (void)handle, (void)flags;
    return PAM_SUCCESS;
}

int pam_close_session(pam_handle_t *handle, int flags)
{
    (void)handle, (void)flags;
    return PAM_SUCCESS;
}

int pam_chauthtok(pam_handle_t *handle, int flags)
{
    (void)handle, (void)flags;
    return PAM_SUCCESS;
}

int pam_putenv(pam_handle_t *handle, const char *text)
{
    (void)handle, (void)text;
    return PAM_SUCCESS;
}

const char *pam_getenv(pam_handle_t *handle, const char *name)
{
    (void)handle, (void)name;
    return NULL;
}

char **pam_getenvlist(pam_handle_t *handle)
{
    (void)handle;
    return calloc(1, sizeof(char *));
}

const char *pam_strerror(pam_handle_t *handle, int status)
{
    (void)handle;
    return status == PAM_SUCCESS ? "success" : "the login was refused";
}
